// Sends the files of a version by the tus protocol, and then the form of the page, which registers them.
//
// What has arrived is known by the server alone: the address of the page names the upload, so after a break, or in a
// new browser, the same files are chosen again and each goes on where it stands. A file is known again by its path,
// its length and when it was changed, which are sent with it and come back.

const TRIES = 8; // of each file, counted anew whenever some of it has arrived
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
const AT_ONCE = 3;
const SMALL_BYTES = 4 * 1024 * 1024; // such a file is announced and sent in one request
const STALLED_MS = 60_000; // a connection that takes nothing for so long is given up
const SILENT_MS = 600_000; // and one that has taken all, and does not answer
const MOST_ROWS = 200;
const MAY_PASS = [0, 408, 409, 423, 425, 429, 460];

const form = document.querySelector("form[data-upload]");
const fields = form.elements;
const files = new Map(); // path -> what is known of it
const wakers = new Set();
let isRunning = false;

class Refusal extends Error {
  constructor(status, text, retryAfter) {
    super(text);
    this.status = status;
    this.mayPass = MAY_PASS.includes(status) || (status >= 500 && status !== 507);
    this.pauseMs = Number(retryAfter || 0) * 1000;
  }
}

const say = (name, values = {}) =>
  (form.dataset[name] ?? name).replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");

// Requests

function call(method, address, { headers = {}, body = null, onSent } = {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let watch;
    const within = (ms) => {
      clearTimeout(watch);
      watch = setTimeout(() => request.abort(), ms);
    };
    request.open(method, address);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    if (fields.form_token) request.setRequestHeader("X-Form-Token", fields.form_token.value);
    request.upload.onprogress = ({ loaded }) => {
      within(STALLED_MS);
      onSent?.(loaded);
    };
    request.upload.onload = () => within(SILENT_MS);
    request.onloadend = () => {
      clearTimeout(watch);
      if (request.status && request.status < 400) resolve(request);
      else reject(new Refusal(request.status, problem(request), request.getResponseHeader("Retry-After")));
    };
    within(body instanceof Blob ? STALLED_MS : SILENT_MS);
    request.send(body);
  });
}

function problem(request) {
  if (!request.status) return say("sayOffline");
  if (request.status === 423) return say("sayLocked");
  try {
    return JSON.parse(request.responseText).detail;
  } catch {
    return say([404, 410].includes(request.status) ? "sayExpired" : "sayRefused", { status: request.status });
  }
}

const asJson = (content) => ({ headers: { "Content-Type": "application/json" }, body: JSON.stringify(content) });
const tus = (headers = {}) => ({ "Tus-Resumable": "1.0.0", ...headers });
const BYTES = { "Content-Type": "application/offset+octet-stream" };

// The outcome of what may fail for a while: it is tried again, each time after a longer pause.
async function persist(attempt, counter, onPause) {
  for (;;) {
    try {
      return await attempt();
    } catch (refusal) {
      counter.tries += 1;
      if (!refusal.mayPass || counter.tries >= TRIES) throw refusal;
      onPause?.(refusal);
      const growing = FIRST_PAUSE_MS * 2 ** (counter.tries - 1);
      await pause(Math.min(Math.max(growing, refusal.pauseMs), LONGEST_PAUSE_MS));
    }
  }
}

function pause(ms) {
  return new Promise((go) => {
    const wake = () => {
      wakers.delete(wake);
      clearTimeout(timer);
      go();
    };
    const timer = setTimeout(wake, ms);
    wakers.add(wake);
  });
}
addEventListener("online", () => [...wakers].forEach((wake) => wake()));

// One file

const base64 = (text) => btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(""));
const described = ({ path, blob }) => `filename ${base64(path)},modified ${base64(String(blob.lastModified))}`;

async function sendOnce(file) {
  const { blob } = file;
  if (file.url && !file.isNew) await find(file);
  file.isNew = false;
  if (!file.url) {
    const headers = tus({ "Upload-Length": String(blob.size), "Upload-Metadata": described(file) });
    const isSmall = blob.size > 0 && blob.size <= SMALL_BYTES;
    const answer = isSmall
      ? await sendBytes("POST", fields.upload.dataset.url, file, { ...headers, ...BYTES }, blob)
      : await call("POST", fields.upload.dataset.url, { headers });
    file.url = answer.getResponseHeader("Location");
    file.offset = Number(answer.getResponseHeader("Upload-Offset") ?? 0);
  }
  if (file.offset < blob.size) {
    const headers = tus({ ...BYTES, "Upload-Offset": String(file.offset) });
    const answer = await sendBytes("PATCH", file.url, file, headers, blob.slice(file.offset));
    file.offset = Number(answer.getResponseHeader("Upload-Offset"));
  }
}

// How much of it is there; where that is of another file by this name, it is taken away.
async function find(file) {
  const answer = await call("HEAD", file.url, { headers: tus() });
  const isSame =
    answer.getResponseHeader("Upload-Metadata") === described(file) &&
    Number(answer.getResponseHeader("Upload-Length")) === file.blob.size;
  if (!isSame) {
    await call("DELETE", file.url, { headers: tus() });
    Object.assign(file, { url: null, offset: 0 });
    return;
  }
  const offset = Number(answer.getResponseHeader("Upload-Offset"));
  if (offset > file.offset) file.tries = 0;
  file.offset = offset;
}

async function sendBytes(method, address, file, headers, bytes) {
  const from = file.offset;
  const onSent = (loaded) => show(file, from + Math.min(loaded, bytes.size), say("saySending"));
  try {
    return await call(method, address, { headers, body: bytes, onSent });
  } catch (refusal) {
    if (refusal.status === 0) await requireReadable(bytes);
    throw refusal;
  }
}

// A file that has changed since it was chosen cannot be read any more, and the browser calls that a broken network.
async function requireReadable(bytes) {
  try {
    await bytes.slice(0, 1).arrayBuffer();
  } catch {
    throw new Refusal(400, say("sayChanged"));
  }
}

async function send(file) {
  file.tries = 0;
  show(file, file.offset, say("saySending"));
  try {
    await persist(() => sendOnce(file), file, (refusal) => show(file, file.offset, refusal.message));
    file.complete = true;
    show(file, file.size, say("sayArrived"));
  } catch (refusal) {
    show(file, file.offset, refusal.message);
    throw refusal;
  }
}

// All of it

async function begin() {
  const names = { task: fields.task.value.trim(), model_name: fields.model.value.trim() };
  const about = { actor: fields.who?.value.trim() || null, reason: fields.reason.value.trim() || null };
  const ask = () => call("POST", form.dataset.ask, asJson({ ...names, ...about, version: fields.version.value.trim() }));
  if (JSON.parse((await persist(ask, { tries: 0 }, tell)).responseText).is_taken) {
    fields.version.focus();
    throw new Refusal(409, say("sayTaken"));
  }
  if (!fields.upload.value) {
    const open = () => call("POST", form.dataset.uploads, asJson({ ...names, actor: about.actor }));
    const begun = JSON.parse((await persist(open, { tries: 0 }, tell)).responseText);
    fields.upload.value = begun.upload_id;
    fields.upload.dataset.url = begun.url;
  }
  remember();
}

// The address is what a person comes back to.
function remember() {
  const address = new URL(location.href);
  for (const name of ["task", "model", "version", "reason", "upload"]) address.searchParams.set(name, fields[name].value);
  address.searchParams.delete("operation");
  history.replaceState(null, "", address);
}

async function sendAll() {
  await known;
  await begin();
  const queue = [...files.values()].filter((file) => !file.complete);
  let failure = null;
  const work = async () => {
    while (queue.length && !failure) {
      const file = queue.shift();
      try {
        if (!file.blob) throw new Refusal(400, say("sayChoose", { path: file.path }));
        await send(file);
      } catch (refusal) {
        failure ??= refusal;
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  if (failure) throw failure;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  event.stopPropagation(); // the page's module would take a second click for the same form sent twice
  if (isRunning) return;
  if (!files.size) return tell({ message: say("sayNothing") });
  setRunning(true);
  tell({ message: say("saySending") });
  try {
    await sendAll();
    setRunning(false);
    tell({ message: say("sayRegistering") });
    form.submit();
  } catch (refusal) {
    if ([404, 410].includes(refusal.status)) forget();
    setRunning(false);
    tell({ message: refusal.message }, true);
  }
});

// An upload that is gone: what was chosen is sent as a new one.
function forget() {
  fields.upload.value = "";
  for (const file of files.values()) {
    if (file.blob) Object.assign(file, { url: null, offset: 0, complete: false });
    else drop(file);
  }
  remember();
}

function setRunning(running) {
  isRunning = running;
  for (const button of form.querySelectorAll("button")) button.disabled = running;
  for (const name of ["task", "model", "version"]) fields[name].readOnly = running || (name !== "version" && fields.upload.value);
}
addEventListener("beforeunload", (event) => {
  if (isRunning) event.preventDefault();
});

// What is seen

const status = form.querySelector("[data-status]");
const total = form.querySelector("[data-total]");
const body = form.querySelector("[data-files]");
const more = form.querySelector("[data-more]");
const row = form.querySelector("template[data-row]");

function tell({ message }, isBad = false) {
  status.textContent = message;
  status.classList.toggle("bad", isBad);
  if (isBad) status.focus();
}

const units = ["B", "kB", "MB", "GB", "TB"];
function size(bytes) {
  const unit = bytes < 1000 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), 4);
  return `${(bytes / 1000 ** unit).toFixed(unit ? 1 : 0)} ${units[unit]}`;
}

function show(file, sent, text) {
  file.sent = sent;
  if (file.row) {
    const [bar, words] = file.row.querySelectorAll("progress, [data-sent]");
    bar.max = file.size || 1;
    bar.value = file.size ? sent : Number(file.complete);
    words.textContent = text;
  }
  count();
}

// At most once for each picture that the browser draws: thousands of files tell of themselves.
let isDrawn = false;
function count() {
  if (isDrawn) return;
  isDrawn = true;
  requestAnimationFrame(draw);
}

function draw() {
  isDrawn = false;
  const every = [...files.values()];
  const bytes = every.reduce((sum, file) => sum + file.size, 0);
  const sent = every.reduce((sum, file) => sum + file.sent, 0);
  const done = every.filter((file) => file.complete).length;
  total.hidden = !every.length;
  total.querySelector("progress").max = bytes || 1;
  total.querySelector("progress").value = sent;
  total.querySelector("span").textContent = say("sayTotal", {
    done,
    files: every.length,
    sent: size(sent),
    bytes: size(bytes),
  });
  more.textContent = every.length > MOST_ROWS ? say("sayMore", { n: every.length - MOST_ROWS }) : "";
}

function add(path, blob) {
  const file = files.get(path) ?? { path, url: null, offset: 0, sent: 0, complete: false, tries: 0, row: null };
  Object.assign(file, { blob, size: blob.size, complete: false });
  files.set(path, file);
  place(file, say(file.url ? "sayResumes" : "sayChosen"));
}

// A row for each of the first files.
function place(file, text) {
  if (!file.row && body.childElementCount < MOST_ROWS) {
    file.row = row.content.cloneNode(true).firstElementChild;
    body.append(file.row);
    prepare(file);
  }
  if (file.row) file.row.querySelector("[data-size]").textContent = size(file.size);
  show(file, file.offset, text);
}

function prepare(file) {
  file.row.querySelector("[data-path]").textContent = file.path;
  const button = file.row.querySelector("button");
  button.setAttribute("aria-label", say("sayRemove", { path: file.path }));
  button.addEventListener("click", async () => {
    try {
      if (file.url) await call("DELETE", file.url, { headers: tus() });
    } catch (refusal) {
      if (![404, 410].includes(refusal.status)) return tell(refusal, true);
    }
    drop(file);
  });
}

function drop(file) {
  file.row?.remove();
  files.delete(file.path);
  count();
}

// What the server has already, of the upload that the address names.
const known = fields.upload.value ? learn() : Promise.resolve();
async function learn() {
  const { url } = fields.upload.dataset;
  const session = JSON.parse((await persist(() => call("GET", url), { tries: 0 }, tell)).responseText);
  body.replaceChildren();
  for (const { path, url, offset, size_bytes, complete } of session.files) {
    const file = files.get(path) ?? { path, blob: null, size: size_bytes, complete, tries: 0, row: null };
    files.set(path, Object.assign(file, { url, offset, sent: offset }));
    place(file, say(file.blob ? "sayResumes" : complete ? "sayArrived" : "sayWaits"));
  }
}
known.catch((refusal) => tell(refusal, true));

// Choosing

// The folder's own name is no part of the paths in it.
for (const input of form.querySelectorAll("input[type=file]")) {
  form.querySelector(`[data-pick="${input.id}"]`).addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    for (const blob of input.files) add(blob.webkitRelativePath.split("/").slice(1).join("/") || blob.name, blob);
    input.value = "";
  });
}

const zone = form.querySelector("[data-drop]");
for (const name of ["dragenter", "dragover"]) {
  zone.addEventListener(name, (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
}
zone.addEventListener("dragleave", () => zone.classList.remove("over"));
zone.addEventListener("drop", async (event) => {
  event.preventDefault();
  zone.classList.remove("over");
  if (isRunning) return;
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
  const inside = entries.length === 1 && entries[0].isDirectory ? await children(entries[0]) : entries;
  try {
    for (const entry of inside) await walk(entry, "");
  } catch (error) {
    tell(error, true);
  }
});

async function walk(entry, above) {
  const path = `${above}${entry.name}`;
  if (entry.isFile) add(path, await new Promise((done, failed) => entry.file(done, failed)));
  else for (const child of await children(entry)) await walk(child, `${path}/`);
}

// A reader gives some of them at a time, and at the end none.
async function children(directory) {
  const reader = directory.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!some.length) return found;
    found.push(...some);
  }
}

form.querySelector("[data-send]").textContent = say("saySend");
