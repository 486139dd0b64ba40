// The state of a run that is under way, and the time axes of charts in the viewer's zone.
"use strict";

(() => {
  const dayMicros = 86400e6;

  for (const svg of document.querySelectorAll("svg.histogram")) {
    const ticks = [...svg.querySelectorAll("text[data-micros]")];
    const times = ticks.map((tick) => Number(tick.dataset.micros) / 1000);
    const step = times.length > 1 ? (times[1] - times[0]) * 1000 : dayMicros;
    const form =
      step >= 28 * dayMicros ? { month: "short", year: "numeric" }
      : step >= dayMicros ? { day: "numeric", month: "short" }
      : step >= 60e6 ? { hour: "2-digit", minute: "2-digit" }
      : { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: step < 1e6 ? 3 : undefined };
    ticks.forEach((tick, number) => {
      const at = new Date(times[number]);
      if (Number.isNaN(at.getTime())) return;
      const utc = document.createElementNS("http://www.w3.org/2000/svg", "title");
      utc.textContent = at.toISOString();
      tick.textContent = at.toLocaleString(navigator.language, form);
      tick.append(utc);
    });
    const zone = svg.closest("figure").querySelector("[data-zone]");
    if (zone) zone.textContent = `(${Intl.DateTimeFormat().resolvedOptions().timeZone})`;
  }

  const run = document.querySelector("[data-poll]");
  if (!run) return;
  let wait = 500;
  async function look() {
    try {
      const answer = await fetch(run.dataset.poll, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(answer.status);
      const told = await answer.json();
      if (told.finished) {
        location.reload();
        return;
      }
      run.querySelector("[data-state]").textContent = told.state;
      run.querySelector("[data-state]").className = `state state-${told.state}`;
      wait = Math.min(wait * 1.3, 5000);
    } catch {
      wait = Math.min(wait * 2, 30000);  // the server is away: it is asked again, less and less often
    }
    setTimeout(look, wait);
  }
  setTimeout(look, wait);
})();
