import { ask, posterOf, signIn, signOut, streamOf, token } from "./api.js";

const main = document.querySelector("#main"), nav = document.querySelector("#nav");
const search = document.querySelector("#search");

function make(tag, content = {}, ...children) {
  const node = Object.assign(document.createElement(tag), content);
  node.append(...children);
  return node;
}

// A form with labelled inputs; send gets their values, and what it throws is shown.
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

function wizard() {
  panel("Welcome", "This server is new. Who will look after it?",
    [["name", "Your name", { autocomplete: "username" }], ["password", "A password", { type: "password", autocomplete: "new-password" }]],
    "Next", async ({ name, password }) => {
      await ask("GET", "Startup/User");
      await ask("POST", "Startup/User", { Name: name, Password: password });
      wizardLibrary(name, password);
    });
}

function wizardLibrary(name, password) {
  panel("Your films", "Where do they lie, as the server sees it?",
    [["path", "Folder", { value: "/media" }]], "Done", async ({ path }) => {
      const query = new URLSearchParams({ name: "Movies", collectionType: "movies", paths: path, refreshLibrary: true });
      await ask("POST", `Library/VirtualFolders?${query}`, {});
      await ask("POST", "Startup/RemoteAccess", { EnableRemoteAccess: true, EnableAutomaticPortMapping: false });
      await ask("POST", "Startup/Complete");
      await signIn(name, password);
      await films();
    });
}

function login() {
  panel("Please sign in", "", [["name", "User", { autocomplete: "username" }],
    ["password", "Password", { type: "password", autocomplete: "current-password", required: false }]], "Sign in",
    async ({ name, password }) => { await signIn(name, password); await films(); });
}

async function films() {
  const query = new URLSearchParams({ recursive: true, includeItemTypes: "Movie,Video", sortBy: "SortName", searchTerm: search.value });
  let found;
  try {
    found = await ask("GET", `Items?${query}`);
  } catch (e) {
    if (e.status !== 401) throw e;
    signOut();
    return login();
  }
  nav.hidden = false;
  const begun = found.Items.filter(f => f.UserData.PlaybackPositionTicks > 0);
  const rows = begun.length ? [make("h2", { textContent: "Continue watching" }), grid(begun), make("h2", { textContent: "Movies" })] : [make("h1", { textContent: "Movies" })];
  rows.push(found.Items.length ? grid(found.Items) : make("p", { className: "note", textContent: search.value ? "Nothing of that name." : "No films yet. Put some into the folder and press Scan." }));
  main.replaceChildren(...rows);
}

const grid = list => make("div", { className: "films" }, ...list.map(card));

function card(film) {
  const still = make("div", { className: "still" });
  if (film.ImageTags.Primary) still.append(make("img", { src: posterOf(film), alt: "", loading: "lazy" }));
  const bar = make("div", { className: "bar" });
  bar.style.width = `${film.UserData.PlayedPercentage ?? 0}%`;
  still.append(bar);
  if (film.UserData.Played) still.append(make("span", { className: "seen", textContent: "✓", title: "seen" }));
  const facts = [film.ProductionYear, film.RunTimeTicks && length(film.RunTimeTicks)].filter(Boolean).join(" · ");
  return make("button", { className: "film", onclick: () => play(film) }, still,
    make("b", { textContent: film.Name, title: film.Name }), make("small", { textContent: facts || film.Container }));
}

function length(ticks) {
  const seconds = Math.round(ticks / 1e7);
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}

function play(film) {
  const dialog = document.querySelector("#player"), video = document.querySelector("#video");
  const tell = (what, more = {}) => ask("POST", `Sessions/Playing${what}`, { ItemId: film.Id, MediaSourceId: film.Id,
    PositionTicks: Math.round(video.currentTime * 1e7), IsPaused: video.paused, CanSeek: true, PlayMethod: "DirectPlay", ...more }).catch(console.warn);
  document.querySelector("#playing").textContent = film.Name;
  video.src = streamOf(film);
  video.currentTime = film.UserData.PlaybackPositionTicks / 1e7;
  dialog.showModal();
  tell("");
  const timer = setInterval(() => tell("/Progress"), 5000);
  dialog.addEventListener("close", async () => {
    clearInterval(timer);
    video.pause();
    await tell("/Stopped");
    video.removeAttribute("src");
    video.load();
    await films();
  }, { once: true });
  video.play().catch(() => {});
}

async function scan(button) {
  button.disabled = true;
  try {
    await ask("POST", "Library/Refresh");
    for (let task; ({ 0: task } = await ask("GET", "ScheduledTasks")), task.State === "Running";) {
      button.textContent = `${Math.round(task.CurrentProgressPercentage)} %`;
      await new Promise(done => setTimeout(done, 400));
    }
  } finally {
    button.textContent = "Scan";
    button.disabled = false;
    await films();
  }
}

document.querySelector("#leave").onclick = async () => { await ask("POST", "Sessions/Logout").catch(() => {}); signOut(); login(); };
document.querySelector("#rescan").onclick = event => scan(event.target).catch(failed);
search.oninput = () => films().catch(failed);

const failed = e => main.replaceChildren(make("p", { className: "error", textContent: `The server says: ${e.message}` }));

ask("GET", "System/Info/Public").then(info => {
  document.querySelector("#server").textContent = info.ServerName || "Jellyfin";
  document.querySelector(".badge").textContent = `stand-in for Jellyfin ${info.Version}`;
  document.title = `${info.ServerName || "Jellyfin"} (stand-in for Jellyfin)`;
  if (!info.StartupWizardCompleted) return wizard();
  return token() ? films() : login();
}).catch(failed);
