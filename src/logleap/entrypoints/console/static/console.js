// Enhances pages that work without it. All files of this folder become one script, in the order of their names.
"use strict";

(() => {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

  /** Shows times in the viewer's zone; their title keeps UTC. */
  function localTimes(root) {
    for (const element of root.querySelectorAll("time[datetime]:not([data-local])")) {
      const at = new Date(element.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      element.textContent = at.toLocaleString(navigator.language, { dateStyle: "medium", timeStyle: "medium" });
      element.dataset.local = zone;
    }
  }

  window.logleap = { localTimes };
  localTimes(document);
})();
