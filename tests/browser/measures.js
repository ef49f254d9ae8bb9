// What tests ask of a page: run once in it, then call `measures.…`.
window.measures = (() => {
  const isShown = (target) => {
    const box = target.getBoundingClientRect();
    const isCutAway = getComputedStyle(target).clip !== "auto"; // read aloud, or shown on focus
    return box.width > 1 && box.height > 1 && !isCutAway && target.checkVisibility({ visibilityProperty: true });
  };

  // Where the focus is, whether one sees it, and whether it is in the content.
  const focus = () => {
    const at = document.activeElement, style = getComputedStyle(at), box = at.getBoundingClientRect();
    const isRinged = (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2) || style.boxShadow !== "none";
    return {
      name: at.id || at.textContent.trim() || at.tagName,
      isPage: at === document.body,
      isInContent: Boolean(at.closest("main")),
      isSeen: isRinged && isShown(at) && box.bottom > 0 && box.top < innerHeight,
    };
  };

  // From now on each layout shift, with what moved.
  const shifts = [];
  const watchShifts = () => new PerformanceObserver((list) => list.getEntries().forEach((shift) => {
    shifts.push([shift.value, ...shift.sources.map((source) => source.node?.outerHTML?.slice(0, 120) ?? String(source.node))]);
  })).observe({ type: "layout-shift" });

  // A link within a sentence is as high as its line: WCAG 2.5.8 excepts it.
  const isInSentence = (target) => getComputedStyle(target).display === "inline" && !target.classList.contains("hit")
    && target.parentElement.textContent.trim() !== target.textContent.trim();
  const isHit = (target, x, y) => {
    const hit = document.elementFromPoint(x, y);
    return hit && (target.contains(hit) || [...(target.labels ?? [])].some((label) => label.contains(hit)));
  };
  const reach = (target, x, y, dx, dy, most) => {
    let steps = 0;
    while (steps < most && isHit(target, x + dx * (steps + 1), y + dy * (steps + 1))) steps += 1;
    return steps;
  };

  // Targets that a finger misses: from the middle, the browser itself is asked point by point what lies there.
  const smallTargets = (least) => [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, summary")]
    .filter((target) => isShown(target) && !isInSentence(target))
    .map((target) => {
      target.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
      const box = target.getBoundingClientRect(), x = box.x + box.width / 2, y = box.y + box.height / 2;
      const width = 1 + reach(target, x, y, -1, 0, least) + reach(target, x, y, 1, 0, least);
      const height = 1 + reach(target, x, y, 0, -1, least) + reach(target, x, y, 0, 1, least);
      return width < least || height < least ? `${width} x ${height}: ${target.outerHTML.slice(0, 160)}` : "";
    })
    .filter(Boolean);

  return { focus, watchShifts, shifts, smallTargets };
})();
