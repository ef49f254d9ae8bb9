// Keeps "há 12s" true between two polls. Each <time data-ago> carries its moment; the server writes the first text.
(() => {
  const two = (first, second, unit, width) => (second ? `${first} ${String(second).padStart(width, "0")}${unit}` : first);
  const spell = (seconds) => {
    const minutes = Math.floor(seconds / 60), hours = Math.floor(seconds / 3600), days = Math.floor(seconds / 86400);
    if (days) return two(`${days}d`, hours % 24, "h", 1);
    if (hours) return two(`${hours}h`, minutes % 60, "min", 2);
    if (minutes) return two(`${minutes}min`, seconds % 60, "s", 1);
    return `${seconds}s`;
  };
  const tick = () => document.querySelectorAll("time[data-ago]").forEach((time) => {
    const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(time.dateTime)) / 1000));
    time.textContent = time.dataset.ago.replace("%s", spell(seconds));
  });
  setInterval(tick, 1000);
})();
