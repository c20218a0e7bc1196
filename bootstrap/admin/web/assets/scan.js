// Reads the label of a device with the camera, where the browser can.
const button = document.getElementById('scan'), video = document.getElementById('camera'), field = document.getElementById('endpoint')

// nameIn is the endpoint name in the text of a label: the text, or the member of a JSON object.
function nameIn(text) {
  try {
    const o = JSON.parse(text)
    if (typeof o?.endpoint === 'string') return o.endpoint
  } catch { /* it is the name */ }
  return text.trim()
}

let stream = null
function stop() {
  stream?.getTracks().forEach((t) => t.stop())
  stream = null
  video.hidden = true
  button.textContent = 'Scan a label'
}

async function scan() {
  if (stream) { stop(); return }
  const detector = new BarcodeDetector({ formats: ['qr_code', 'data_matrix', 'code_128'] })
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } })
  } catch {
    button.textContent = 'No camera: type the name'
    return
  }
  video.srcObject = stream
  video.hidden = false
  button.textContent = 'Stop'
  await video.play()
  while (stream) {
    const found = await detector.detect(video).catch(() => [])
    if (found.length) {
      field.value = nameIn(found[0].rawValue)
      stop()
      field.focus()
      return
    }
    await new Promise((done) => setTimeout(done, 150))
  }
}

if (button && 'BarcodeDetector' in window && navigator.mediaDevices) {
  button.hidden = false
  button.addEventListener('click', scan)
}
