// What all pages share: copy buttons, ages that go on, boxes that choose all, and parts that are fetched anew
// when something happens. Pages work without it.

const each = (selector, f, root = document) => root.querySelectorAll(selector).forEach(f)

// prepare gives a part of the page what only scripts can do.
export function prepare(root) {
  if (navigator.clipboard) each('.copy', (b) => { b.hidden = false }, root)
  each('[data-all]', (box) => { box.hidden = false }, root)
}

document.addEventListener('click', async (e) => {
  const b = e.target.closest('.copy')
  if (!b) return
  const label = b.firstChild
  try {
    await navigator.clipboard.writeText(b.dataset.copy)
    label.data = '✓ copied'
  } catch {
    label.data = 'not copied'
  }
  setTimeout(() => { label.data = 'copy' }, 2000)
})

document.addEventListener('change', (e) => {
  const name = e.target.dataset?.all
  if (name) each(`input[name="${name}"]`, (box) => { box.checked = e.target.checked })
})

// The same words as the server has for ages.
function age(seconds) {
  const ahead = seconds < 0, s = Math.abs(seconds)
  if (s < 5) return 'now'
  const text = s < 120 ? `${Math.floor(s)} s` : s < 7200 ? `${Math.floor(s / 60)} min` : s < 172800 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 86400)} days`
  return ahead ? `in ${text}` : `${text} ago`
}

function tick() {
  each('time[datetime]', (t) => {
    if (/ago$|^in |^now$/.test(t.textContent)) t.textContent = age((Date.now() - Date.parse(t.dateTime)) / 1000)
  })
}
setInterval(() => { if (!document.hidden) tick() }, 15000)

// listen opens the stream of events while the page is seen, and closes it while it is not. What happened between
// the making of the page and the opening of the stream is in no event: state is told of each opening.
export function listen(kinds, key, each, state = () => {}) {
  let source = null
  const open = () => {
    if (source || document.hidden) return
    source = new EventSource('/events' + (key ? '?key=' + encodeURIComponent(key) : ''))
    source.onopen = () => state('open')
    source.onerror = () => { state('lost'); if (source?.readyState === EventSource.CLOSED) close() }
    for (const kind of kinds) source.addEventListener(kind, (e) => each(kind, JSON.parse(e.data)))
    source.addEventListener('missed', () => each('missed', {}))
  }
  const close = () => { source?.close(); source = null }
  document.addEventListener('visibilitychange', () => { if (document.hidden) close(); else open() })
  addEventListener('pagehide', close)
  addEventListener('pageshow', open)
  open()
}

// busy reports whether somebody is working in a part: it is left alone then.
const busy = (part) => part.contains(document.activeElement) && document.activeElement.matches('input, select, textarea')

let waiting = 0, last = 0
// renew fetches the page anew and replaces its live parts, at most once a second, and less often where the server
// is slow.
async function renew() {
  if (waiting) return
  waiting = setTimeout(() => {}, 0)
  await new Promise((done) => setTimeout(done, Math.max(150, last - Date.now())))
  const began = Date.now()
  try {
    const answer = await fetch(location.href, { headers: { Accept: 'text/html' } })
    if (answer.redirected) { location.reload(); return }
    if (answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
      each('[data-live]', (part) => {
        const now = page.getElementById(part.id)
        if (!now || busy(part) || now.innerHTML === part.dataset.was) return
        const open = [...part.querySelectorAll('details')].map((d) => d.open)
        part.dataset.was = now.innerHTML
        part.className = now.className
        part.replaceChildren(...now.childNodes)
        part.querySelectorAll('details').forEach((d, i) => { d.open = open[i] ?? d.open })
        prepare(part)
      })
    }
  } catch { /* the next event tries again */ }
  waiting = 0
  last = Date.now() + Math.max(1000, 10 * (Date.now() - began))
}

prepare(document)
const kinds = document.body.dataset.renew
if (kinds) listen(kinds.split(' '), document.body.dataset.key, renew, (state) => { if (state === 'open') renew() })
