// Every page works without this module; it spares reloads. Elements say by data attributes what they want of it, and
// all words that a person reads stand in the pages.
//
// data-copy        a button: copies its value, or the text of the element that it names ("#id")
// data-dialog      a link: the [data-dialog-part] of its address is shown in a <dialog>, whose forms stay in it
// data-close       a link: closes the dialog that it is in
// data-focus       what has the focus when its dialog opens
// data-poll        an element with an id: its content comes anew from that address, while the page is seen;
//                  data-poll-ms="400 5000": the first and the longest pause
// data-stale       an element: the page is looked at again when it gets the focus after a minute, and
//                  template[data-moved] is shown where this value has changed, or what the element names
// data-submit-on-change   a form
// data-choose      a form: its button[data-choice] counts the chosen boxes, of which it takes data-choose="2 5"; it says
//                  data-choose-none, or data-choose-some with their number as {n}, where it has these
// data-key         what a key, or two ("g m"), clicks, opens or gives the focus to
// data-script      shown only where scripts run; so is what copies

const STALE_MS = 60_000;
const SECOND_KEY_MS = 1500;
const FORM_IS_SEEN = "(min-width: 761px) and (min-height: 641px)"; // else what is to be read comes first
const made = Date.now();
const rules = { createHTML: (text) => text };
const policy = globalThis.trustedTypes?.createPolicy("ui", rules) ?? rules; // only for pages of our own
const words = document.body.dataset;
const all = (selector, within = document) => within.querySelectorAll(selector);

async function page(address, options) {
  const answer = await fetch(address, options);
  return { answer, content: new DOMParser().parseFromString(policy.createHTML(await answer.text()), "text/html") };
}

function start(within) {
  for (const element of all("[data-script], [data-copy]", within)) element.hidden = false;
  for (const element of all("[data-poll]", within)) poll(element);
  for (const form of all("form[data-choose]", within)) choose(form);
}

// Polling

function poll(element, pause = 0) {
  const address = element.dataset.poll;
  if (!address || !element.isConnected) return;
  const [first, longest = first] = (element.dataset.pollMs || "1000").split(" ").map(Number);
  pause = Math.min(pause ? pause * 1.5 : first, longest);
  setTimeout(async () => {
    if (document.hidden) await seen();
    try {
      const { answer, content } = await page(address);
      const fresh = content.getElementById(element.id);
      if (answer.ok && fresh) replace(element, fresh);
    } catch {
      pause = longest; // it may be back later
    }
    poll(element, pause);
  }, pause);
}

const seen = () => new Promise((go) => document.addEventListener("visibilitychange", go, { once: true }));

// Where nothing is different nothing is touched: a screen reader would say it all again.
function replace(element, fresh) {
  if (element.isEqualNode(fresh)) return;
  for (const { name } of [...element.attributes]) if (!fresh.hasAttribute(name)) element.removeAttribute(name);
  for (const { name, value } of fresh.attributes) element.setAttribute(name, value);
  element.replaceChildren(...document.importNode(fresh, true).childNodes);
  start(element);
}

// Dialogs

async function show(dialog, address, options) {
  const { answer, content } = await page(address, options);
  if (options?.method === "POST" && answer.redirected) return location.assign(answer.url); // it is done
  const part = content.querySelector("[data-dialog-part]") ?? content.querySelector("main");
  if (!part || (!options && answer.redirected)) return location.assign(answer.url);
  dialog.replaceChildren(document.importNode(part, true));
  const heading = dialog.querySelector("h1, h2");
  if (heading) dialog.setAttribute("aria-labelledby", (heading.id ||= "dialog-heading"));
  start(dialog);
  if (!dialog.open) dialog.showModal();
  const field = matchMedia(FORM_IS_SEEN).matches ? dialog.querySelector("[data-focus]") : null;
  const first = dialog.querySelector("[role=alert], [autofocus]") ?? field ?? heading;
  if (!first) return;
  if (first.tabIndex < 0) first.tabIndex = -1; // what is only read can have the focus too
  first.focus();
}

async function open(link) {
  const dialog = document.createElement("dialog");
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  try {
    await show(dialog, link.href);
  } catch {
    location.assign(link.href); // the browser says what is wrong
  }
  if (!dialog.open) dialog.remove();
}

async function submitInside(dialog, form, button) {
  const fields = new URLSearchParams(new FormData(form, button));
  const isPost = form.method === "post";
  const address = new URL(button?.getAttribute("formaction") ?? form.action, location.href);
  if (!isPost) address.search = fields;
  try {
    await show(dialog, address, isPost ? { method: "POST", body: fields } : undefined);
  } catch {
    tell(form, words.noAnswer);
  }
}

function tell(form, text) {
  const band = document.createElement("p");
  band.className = "band bad";
  band.role = "alert";
  band.textContent = text;
  form.querySelector("[role=alert]")?.remove();
  form.prepend(band);
  band.scrollIntoView({ block: "nearest" });
}

// Forms

document.addEventListener("submit", async (event) => {
  const { target: form, submitter } = event;
  if (event.defaultPrevented) return;
  if (form.dataset.sent) return event.preventDefault(); // a second click on the same form
  const dialog = form.closest("dialog");
  if (form.classList.contains("theme")) {
    event.preventDefault();
    await changeTheme(form, submitter);
  } else if (dialog && form.method !== "dialog") {
    event.preventDefault();
    form.dataset.sent = "1";
    await submitInside(dialog, form, submitter);
    delete form.dataset.sent;
  } else if (form.method === "post") {
    form.dataset.sent = "1";
  }
});
// What was typed in the page stays.
async function changeTheme(form, button) {
  const { content } = await page(form.action, { method: "POST", body: new URLSearchParams(new FormData(form, button)) });
  document.documentElement.dataset.theme = content.documentElement.dataset.theme;
  form.replaceWith(document.importNode(content.querySelector("form.theme"), true));
  document.querySelector("form.theme button").focus();
}

// Whoever comes back to the page may send its form once more.
addEventListener("pageshow", () => all("form[data-sent]").forEach((form) => delete form.dataset.sent));

document.addEventListener("change", ({ target }) => {
  const form = target.form;
  if (form?.dataset.submitOnChange !== undefined) form.requestSubmit();
  if (form?.dataset.choose) choose(form);
});

function choose(form) {
  const [fewest, most] = form.dataset.choose.split(" ").map(Number);
  const boxes = [...form.elements].filter((field) => field.type === "checkbox");
  const chosen = boxes.filter((box) => box.checked).length;
  for (const box of boxes) box.disabled = !box.checked && chosen >= most;
  const button = form.querySelector("button[data-choice]");
  const { chooseNone, chooseSome } = button.dataset;
  button.disabled = chosen < fewest;
  if (chooseSome) button.textContent = chosen < fewest ? chooseNone : chooseSome.replace("{n}", chosen);
}

// Clicks

document.addEventListener("click", (event) => {
  const found = event.target.closest("[data-copy], a[data-dialog], [data-close]");
  if (!found || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const dialog = found.closest("dialog");
  if (found.dataset.copy !== undefined) copy(found);
  else if (found.dataset.dialog !== undefined) {
    event.preventDefault();
    if (dialog) show(dialog, found.href).catch(() => location.assign(found.href));
    else open(found);
  } else if (dialog) {
    event.preventDefault();
    dialog.close();
  }
});

async function copy(button) {
  const said = button.dataset.copy;
  const element = said.startsWith("#") ? document.getElementById(said.slice(1)) : null;
  const text = element ? (element.value ?? element.textContent) : said;
  if (button.dataset.was !== undefined) return;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    if (!copyBySelection(text)) return; // over plain http there is no clipboard but this way
  }
  const before = [...button.childNodes];
  button.dataset.was = "";
  button.textContent = words.copied;
  setTimeout(() => {
    button.replaceChildren(...before);
    delete button.dataset.was;
  }, 2000);
}

function copyBySelection(text) {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "hidden";
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  return done;
}

// Keys

let first = "";
document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  const writes = target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
  if (writes || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const found = [first && `${first} ${key}`, key]
    .filter(Boolean)
    .map((keys) => document.querySelector(`[data-key="${CSS.escape(keys)}"]`))
    .find(Boolean);
  first = found ? "" : key;
  if (!found) return void setTimeout(() => (first = ""), SECOND_KEY_MS);
  event.preventDefault();
  if (found.tagName === "DIALOG") found.showModal();
  else if (found.matches("input, textarea")) found.select(), found.focus();
  else found.click();
});

// What may have changed since the page was made

const named = (element) => [element.dataset.stale, ...texts(element.querySelectorAll(".chip, .version"))].join(" ");
const texts = (elements) => Array.from(elements, (element) => element.textContent);

let looked = made;
async function lookAgain() {
  const ours = document.querySelector("[data-stale]");
  const band = document.querySelector("template[data-moved]");
  if (!ours || !band || document.hidden || Date.now() - looked < STALE_MS) return;
  looked = Date.now();
  try {
    const { answer, content } = await page(location.href);
    const theirs = content.querySelector("[data-stale]");
    if (!answer.ok || !theirs || named(theirs) === named(ours)) return;
  } catch {
    return; // whoever changes something is told all the same
  }
  document.getElementById("moved")?.remove();
  const where = document.querySelector("dialog[open] [data-dialog-part]") ?? document.querySelector("main");
  where.prepend(band.content.cloneNode(true));
}
addEventListener("focus", lookAgain);
document.addEventListener("visibilitychange", lookAgain);

start(document);
