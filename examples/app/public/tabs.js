/** Tells the other tabs of a sign-out: they show nothing private any more, without being touched. */

const user = document.querySelector('.who')
const isPublic = document.documentElement.dataset.public !== undefined
const tabs = new BroadcastChannel('session')

if (user === null && new URLSearchParams(location.search).has('signed-out'))
  tabs.postMessage('signed_out')

tabs.addEventListener('message', ({ data }) => {
  if (data !== 'signed_out' || user === null) return
  if (isPublic) location.reload()
  else showSignedOut()
})

function showSignedOut() {
  const main = document.querySelector('main')
  const title = document.createElement('h1')
  title.textContent = 'Signed out'
  const text = document.createElement('p')
  text.className = 'warning'
  text.setAttribute('role', 'alert')
  main?.replaceChildren(title, text)
  // An alert is read out when its text changes.
  text.append('You have signed out in another tab. ', signInLink())
  user?.replaceWith(signInLink('button'))
}

/** @param {string} [className] */
function signInLink(className = '') {
  const link = document.createElement('a')
  link.href = location.pathname
  link.className = className
  link.textContent = 'Sign in again'
  return link
}
