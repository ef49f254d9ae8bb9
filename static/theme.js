// Light or dark before the first paint: what was chosen, else what the device prefers. Without scripts the server's choice stands.
(() => {
  const root = document.documentElement;
  if (root.dataset.themeChosen) return;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => root.setAttribute("data-bs-theme", dark.matches ? "dark" : "light");
  follow();
  dark.addEventListener("change", follow);
})();
