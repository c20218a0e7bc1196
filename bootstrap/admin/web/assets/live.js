// The live page: rows come as sessions go on, can be held back, and filtered.
import { listen, prepare } from './app.js'

const rows = document.getElementById('live-rows'), state = document.getElementById('live-state')
const find = document.getElementById('live-find'), failed = document.getElementById('live-failed'), pause = document.getElementById('live-pause')
const most = 200
let held = new Map(), paused = false

document.getElementById('live-apply').hidden = true
pause.hidden = false

const fits = (row) => (!failed.checked || row.dataset.failed) && row.textContent.toLowerCase().includes(find.value.trim().toLowerCase())

function say(text) { state.textContent = text }

function put({ id, row: html }) {
  const made = new DOMParser().parseFromString(`<table><tbody>${html}</tbody></table>`, 'text/html').querySelector('tr')
  if (!made) return
  document.getElementById('live-empty')?.remove()
  const row = document.importNode(made, true), old = document.getElementById('s-' + id)
  row.hidden = !fits(row)
  prepare(row)
  if (old) { old.replaceWith(row); return }
  row.classList.add('new')
  rows.prepend(row)
  while (rows.rows.length > most) rows.lastElementChild.remove()
}

// catchUp puts what the server shows now: what happened while no events came.
async function catchUp() {
  try {
    const answer = await fetch('/live', { headers: { Accept: 'text/html' } })
    if (!answer.ok || answer.redirected) return
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
    for (const row of [...page.querySelectorAll('#live-rows tr')].reverse()) {
      if (document.getElementById(row.id)?.textContent !== row.textContent) told('', { id: row.id.slice(2), row: row.outerHTML })
    }
  } catch { /* the next opening tries again */ }
}

function told(kind, e) {
  if (kind === 'missed') { catchUp(); return }
  if (!paused) { put(e); return }
  held.delete(e.id)
  held.set(e.id, e)
  if (held.size > most) held.delete(held.keys().next().value)
  say(`paused, ${held.size} ${held.size === 1 ? 'session' : 'sessions'} waiting`)
}

pause.addEventListener('click', () => {
  paused = !paused
  pause.setAttribute('aria-pressed', paused)
  pause.textContent = paused ? 'Go on' : 'Pause'
  if (paused) { say('paused'); return }
  for (const e of held.values()) put(e)
  held = new Map()
  say('live')
})

const filter = () => { for (const row of rows.rows) row.hidden = !fits(row) }
find.addEventListener('input', filter)
failed.addEventListener('change', filter)
document.getElementById('live-filter').addEventListener('submit', (e) => { e.preventDefault(); filter() })

listen(['session-started', 'session-parked', 'session-approved', 'session-queued', 'operation', 'session-ended'], '', told, (s) => {
  if (s === 'open') catchUp()
  if (!paused) say(s === 'open' ? 'live' : 'the connection is lost: trying again')
})
