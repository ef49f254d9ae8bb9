// What Unfold's markup lacks for screen readers: its content is a landmark, and what merely scrolls is none.
addEventListener("load", () => {
  document.getElementById("main")?.setAttribute("role", "main");
  document.querySelectorAll(".simplebar-content-wrapper").forEach((scrolled) => {
    scrolled.setAttribute("role", "group");
    scrolled.removeAttribute("aria-label");
  });
});
