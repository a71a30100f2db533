// Ask how far each chapter is, one by one as they come, and again whenever one comes back to this page.
const rows = [...document.querySelectorAll("[data-stage]")];
const marks = { done: "✓ done", partly: "! partly", "not yet": "○ not yet", unknown: "✗ unknown" };

async function ask(row) {
  let found;
  try {
    const answer = await fetch(`how-far/${row.dataset.stage}`);
    if (!answer.ok) throw new Error();
    found = await answer.json();
  } catch {
    found = { state: "unknown", said: "JupyterLab does not answer: is ./runbook open still running in its terminal?" };
  }
  row.className = found.state.replace(" ", "-");
  row.querySelector(".state").textContent = marks[found.state];
  row.querySelector(".said").textContent = found.state === "not yet" ? "" : found.said;
  row.title = found.state === "not yet" ? `missing: ${found.said}` : "";
  return found.state;
}

async function askAll() {
  const states = await Promise.all(rows.map(ask));
  const done = states.filter((state) => state === "done").length;
  document.getElementById("count").textContent = `${done} of ${rows.length} chapters`;
  const next = rows[states.lastIndexOf("done") + 1] ?? rows[states.findIndex((state) => state !== "done")];
  if (next && done && !states.includes("unknown")) {
    const link = next.querySelector("a"), go = document.getElementById("go");
    go.href = link.href;
    go.replaceChildren("Go on with chapter " + link.querySelector("small").textContent + " ");
    const title = document.createElement("span");
    title.textContent = link.lastChild.textContent.trim();
    go.append(title);
    next.classList.add("next");
  }
}

let asking;
const again = () => (asking ??= askAll().finally(() => (asking = undefined)));
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && again());
addEventListener("pageshow", (event) => event.persisted && again());
again();
