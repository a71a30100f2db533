// A page over Immich's HTTP API. The login's cookie authenticates, also the <img> elements.
const main = document.querySelector("#main"), nav = document.querySelector("#nav"), viewer = document.querySelector("#viewer");
const at = path => new URL(`api/${path}`, document.baseURI);

async function ask(method, path, body) {
  const form = body instanceof FormData;
  const headers = body && !form ? { "Content-Type": "application/json" } : {};
  const answer = await fetch(at(path), { method, headers, body: form || body === undefined ? body : JSON.stringify(body) });
  const said = answer.headers.get("Content-Type")?.includes("json") ? await answer.json() : null;
  if (!answer.ok) throw Object.assign(new Error(said?.message ?? answer.statusText), { status: answer.status });
  return said;
}

function make(tag, content = {}, ...children) {
  const node = Object.assign(document.createElement(tag), content);
  node.append(...children);
  return node;
}

function panel(title, note, inputs, action, send) {
  nav.hidden = true;
  const error = make("p", { className: "error", role: "alert" });
  const form = make("form", { className: "panel" }, make("h1", { textContent: title }), make("p", { className: "note", textContent: note }));
  for (const [name, label, extra] of inputs)
    form.append(make("label", { textContent: label, htmlFor: name }), make("input", { id: name, name, required: true, ...extra }));
  form.append(make("button", { textContent: action }), error);
  form.onsubmit = async event => {
    event.preventDefault();
    error.textContent = "";
    try { await send(Object.fromEntries(new FormData(form))); } catch (e) { error.textContent = e.message; }
  };
  main.replaceChildren(form);
  form.querySelector("input").focus();
}

const email = ["email", "E-mail", { type: "email", autocomplete: "username" }];

const signUp = () => panel("Welcome", "This server is new. Its first account looks after it.",
  [["name", "Your name", { autocomplete: "name" }], email, ["password", "A password", { type: "password", autocomplete: "new-password" }]],
  "Sign up", async who => { await ask("POST", "auth/admin-sign-up", who); await enter(who); });

const login = () => panel("Please sign in", "", [email, ["password", "Password", { type: "password", autocomplete: "current-password" }]], "Sign in", enter);

async function enter({ email, password }) {
  await ask("POST", "auth/login", { email, password });
  await timeline();
}

async function timeline() {
  let months;
  try {
    months = await ask("GET", "timeline/buckets");
  } catch (e) {
    if (e.status !== 401) throw e;
    return login();
  }
  nav.hidden = false;
  const rows = [];
  for (const { timeBucket } of months) {
    const title = new Date(`${timeBucket}T12:00`).toLocaleDateString(undefined, { month: "long", year: "numeric" });
    rows.push(make("h2", { textContent: title }), make("div", { className: "grid" }, ...photos(await ask("GET", `timeline/bucket?timeBucket=${timeBucket}`))));
  }
  main.replaceChildren(...rows.length ? rows : [make("p", { className: "drop", textContent: "No photos yet. Drop some here, or press Upload." })]);
}

// A month comes as columns: ids, ratios, … of the same length.
const photos = month => month.id.map((id, i) => {
  const photo = make("button", { className: "photo", onclick: () => show(id).catch(failed) });
  photo.style.aspectRatio = month.ratio[i];
  if (month.isImage[i]) photo.append(make("img", { src: at(`assets/${id}/thumbnail?size=preview`), alt: "", loading: "lazy", onerror() { this.replaceWith("no preview"); } }));
  else photo.append("▶ video");
  if (month.isFavorite[i]) photo.append(make("span", { className: "star", textContent: "★" }));
  return photo;
});

async function show(id) {
  const asset = await ask("GET", `assets/${id}`);
  const original = at(`assets/${id}/original`);
  document.querySelector("#name").textContent = asset.originalFileName;
  Object.assign(document.querySelector("#save"), { href: original, download: asset.originalFileName });
  const star = document.querySelector("#favorite");
  star.textContent = asset.isFavorite ? "★" : "☆";
  star.onclick = async () => { asset.isFavorite = (await ask("PUT", `assets/${id}`, { isFavorite: !asset.isFavorite })).isFavorite; star.textContent = asset.isFavorite ? "★" : "☆"; };
  document.querySelector("#trash").onclick = async () => { await ask("DELETE", "assets", { ids: [id] }); viewer.close(); };
  document.querySelector("#stage").replaceChildren(asset.type === "VIDEO"
    ? make("video", { src: original, controls: true, autoplay: true })
    : make("img", { src: at(`assets/${id}/thumbnail?size=preview`), alt: asset.originalFileName }));
  viewer.showModal();
}
viewer.addEventListener("close", () => { document.querySelector("#stage").replaceChildren(); timeline().catch(failed); });

async function upload(files) {
  const note = make("p", { className: "note" });
  main.prepend(note);
  let same = 0;
  for (const [i, file] of [...files].entries()) {
    note.textContent = `Uploading ${i + 1} of ${files.length}: ${file.name}`;
    const form = new FormData(), date = new Date(file.lastModified).toISOString();
    form.append("fileCreatedAt", date);
    form.append("fileModifiedAt", date);
    form.append("assetData", file);
    if ((await ask("POST", "assets", form)).status === "duplicate") same++;
  }
  await timeline();
  if (same) main.prepend(make("p", { className: "note", textContent: `${same} of ${files.length} were here already.` }));
}

const failed = e => main.prepend(make("p", { className: "error", textContent: `The server says: ${e.message}` }));

document.querySelector("#leave").onclick = async () => { await ask("POST", "auth/logout").catch(() => {}); login(); };
document.querySelector("#files").onchange = event => upload(event.target.files).catch(failed);
addEventListener("dragover", event => { event.preventDefault(); document.body.classList.add("over"); });
addEventListener("dragleave", () => document.body.classList.remove("over"));
addEventListener("drop", event => {
  event.preventDefault();
  document.body.classList.remove("over");
  if (!nav.hidden && event.dataTransfer.files.length) upload(event.dataTransfer.files).catch(failed);
});

Promise.all([ask("GET", "server/config"), ask("GET", "server/version")]).then(([config, v]) => {
  document.querySelector(".badge").textContent = `stand-in for Immich ${v.major}.${v.minor}.${v.patch}`;
  return config.isInitialized ? timeline() : signUp();
}).catch(failed);
