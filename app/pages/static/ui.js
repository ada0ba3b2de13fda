// What spares a person reloads. Every page and every action works without it.

// Texts to take away: the buttons are of use only here.
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", () => navigator.clipboard.writeText(button.dataset.copy));
}
