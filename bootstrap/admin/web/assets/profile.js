// The editor of profiles: the check follows what is typed, and marks the lines.
const form = document.getElementById('editor'), field = document.getElementById('yaml')
const check = document.getElementById('check'), lines = document.getElementById('lines')
let timer = 0, running = null

function number() {
  const n = field.value.replace(/\n$/, '').split('\n').length
  while (lines.children.length < n && lines.children.length < 2000) {
    const li = document.createElement('li')
    li.textContent = lines.children.length + 1
    lines.append(li)
  }
  while (lines.children.length > n) lines.lastElementChild.remove()
  field.rows = Math.max(16, n + 1)
}

async function look() {
  running?.abort()
  running = new AbortController()
  try {
    const answer = await fetch('/profile/check', { method: 'POST', body: new URLSearchParams(new FormData(form)), signal: running.signal })
    if (!answer.ok) return
    const part = new DOMParser().parseFromString(await answer.text(), 'text/html')
    check.replaceChildren(...part.body.childNodes)
    for (const li of lines.children) li.classList.remove('bad')
    for (const m of check.querySelectorAll('[data-line]')) lines.children[m.dataset.line - 1]?.classList.add('bad')
    check.classList.remove('stale')
  } catch { /* typed on, or no server: the form itself checks too */ }
}

field.addEventListener('input', () => {
  number()
  check.classList.add('stale')
  clearTimeout(timer)
  timer = setTimeout(look, 350)
})
