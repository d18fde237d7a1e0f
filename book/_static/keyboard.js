// The theme takes the focus off its buttons once they are pressed, so that no hint stays beneath the
// mouse. Who presses them by keyboard would begin again at the top of the page.
const BUTTONS = ".sidebar-toggle, .search-button, .theme-switch-button";
for (const button of document.querySelectorAll(BUTTONS)) {
  button.blur = () => {
    if (!button.matches(":focus-visible")) HTMLElement.prototype.blur.call(button);
  };
}

// The theme lets the keyboard reach code that scrolls, but not what was folded when the page opened.
function reach() {
  for (const code of document.querySelectorAll("pre")) {
    if (code.scrollWidth > code.clientWidth) code.tabIndex = 0;
  }
}
document.addEventListener("toggle", reach, { capture: true });
document.addEventListener("click", reach);
