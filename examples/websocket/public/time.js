/** Shows the messages of the WebSocket, and the reason when it closes. */

const socket = new WebSocket(location.origin.replace(/^http/, 'ws'))

socket.addEventListener('message', ({ data }) => {
  const { login, time } = JSON.parse(data)
  if (login !== undefined) write('who', `Connected as ${login}.`)
  if (time !== undefined) write('time', new Date(time).toLocaleTimeString())
})

socket.addEventListener('close', ({ reason }) => {
  write('who', `The connection is closed: ${reason || 'no reason given'}.`)
})

/**
 * @param {string} id
 * @param {string} text
 */
function write(id, text) {
  const element = document.getElementById(id)
  if (element !== null) element.textContent = text
}
