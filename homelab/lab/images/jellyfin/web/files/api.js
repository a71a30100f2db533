// Jellyfin's HTTP API as this page needs it. A token goes into the Authorization header; only the address of
// the film itself, which the <video> element asks for, carries it as ApiKey (api_key is refused since 12.0).
const at = new URL("..", location.href);
const device = localStorage.device ??= crypto.getRandomValues(new Uint32Array(2)).join("");

export const token = () => localStorage.token ?? "";
export const signOut = () => localStorage.removeItem("token");

export async function ask(method, path, body) {
  const parts = { Client: "Homelab page", Device: "Browser", DeviceId: device, Version: "1.0" };
  if (token()) parts.Token = token();
  const says = Object.entries(parts).map(([k, v]) => `${k}="${encodeURIComponent(v)}"`).join(", ");
  const headers = { Authorization: `MediaBrowser ${says}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(new URL(path, at), { method, headers, body: body && JSON.stringify(body) });
  if (!answer.ok) throw Object.assign(new Error((await answer.text()).trim() || answer.statusText), { status: answer.status });
  return answer.headers.get("Content-Type")?.includes("json") ? answer.json() : null;
}

export async function signIn(name, password) {
  signOut();
  localStorage.token = (await ask("POST", "Users/AuthenticateByName", { Username: name, Pw: password })).AccessToken;
}

export const posterOf = film => new URL(`Items/${film.Id}/Images/Primary?tag=${film.ImageTags.Primary}`, at);
export const streamOf = film => new URL(`Videos/${film.Id}/stream?static=true&ApiKey=${token()}`, at);
