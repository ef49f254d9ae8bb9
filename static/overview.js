// The overview's table: select all, say how many, show the bar only when it is of use; and no refresh under busy hands.
(() => {
  const boxes = () => [...document.querySelectorAll(".pick input[name=numero]")];
  const isChanged = (field) => field.type === "checkbox" ? field.checked !== field.defaultChecked
    : field.tagName === "SELECT" ? [...field.options].some((option, i) => option.selected !== (option.defaultSelected || (!field.querySelector("[selected]") && i === 0)))
    : field.type !== "hidden" && field.value !== field.defaultValue;

  const show = () => {
    const bar = document.querySelector("[data-bulk]"), all = document.querySelector("[data-pick-all] input");
    if (!bar) return;
    const picked = boxes().filter((box) => box.checked).length, everything = bar.querySelector("[name=todos]").checked;
    bar.hidden = !picked && !everything;
    const words = bar.querySelector("[data-picked]");
    words.textContent = picked === 1 ? words.dataset.pickedOne : words.dataset.picked.replace("%s", picked);
    if (all) { all.checked = picked > 0 && picked === boxes().length; all.indeterminate = picked > 0 && !all.checked; }
  };

  const start = () => {
    const place = document.querySelector("[data-pick-all]");
    if (place && !place.firstElementChild) {
      const box = document.createElement("input");
      box.type = "checkbox"; box.className = "form-check-input"; box.setAttribute("aria-label", place.dataset.pickAll);
      place.append(box);
    }
    show();
  };

  document.addEventListener("change", (event) => {
    if (event.target.closest("[data-pick-all]")) boxes().forEach((box) => { box.checked = event.target.checked; });
    show();
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target.id !== "live") return;
    const fields = [...event.target.querySelectorAll("input, select")];
    const isBusy = fields.includes(document.activeElement) || fields.some(isChanged);
    if (isBusy) event.preventDefault();
  });
  document.addEventListener("htmx:afterSettle", start);
  window.addEventListener("pageshow", start);
  start();
})();
