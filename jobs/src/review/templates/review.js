// What pages do more where scripts run. Without it every page works as well.
'use strict';

// j and k move the focus between rows: to the box or the link in each.
function move(step) {
  const stops = [...document.querySelectorAll('[data-row], .findings tr')]
    .map((row) => row.querySelector('input[type=checkbox], a'))
    .filter((stop) => stop && stop.offsetParent !== null);
  if (stops.length === 0) return;
  const at = stops.indexOf(document.activeElement);
  const next = at < 0 ? (step > 0 ? 0 : stops.length - 1) : at + step;
  const stop = stops[Math.min(Math.max(next, 0), stops.length - 1)];
  stop.focus();
  stop.scrollIntoView({ block: 'nearest' });
}

document.addEventListener('keydown', (event) => {
  const writes = event.target.closest('input:not([type=checkbox]), textarea, select');
  if (writes || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === 'j') move(1);
  else if (event.key === 'k') move(-1);
  else return;
  event.preventDefault();
});

// A table that follows what goes on. The rows come from the server as it would have sent them.
for (const body of document.querySelectorAll('[data-live]')) {
  const source = new EventSource(body.dataset.live);
  source.addEventListener('runs', (event) => { body.innerHTML = event.data; });
  const state = document.querySelector('[data-live-state]');
  source.addEventListener('open', () => { if (state) state.hidden = false; });
  source.addEventListener('error', () => { if (state) state.hidden = true; });
  window.addEventListener('pagehide', () => source.close());
}

// A decision is sent once, however often the button is pressed.
for (const form of document.querySelectorAll('form.decision')) {
  form.addEventListener('submit', (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = 'yes';
  });
  // A page that is come back to may decide anew.
  window.addEventListener('pageshow', () => { delete form.dataset.sent; });
}
