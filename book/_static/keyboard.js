// The theme takes the focus off its buttons once they are pressed, so that no hint stays beneath the
// mouse. Who presses them by keyboard would begin again at the top of the page.
const BUTTONS = ".sidebar-toggle, .search-button, .theme-switch-button";
for (const button of document.querySelectorAll(BUTTONS)) {
  button.blur = () => {
    if (!button.matches(":focus-visible")) HTMLElement.prototype.blur.call(button);
  };
}
