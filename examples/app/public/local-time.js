/** Writes the page's times, which the server knows in UTC only, as its reader's clock has them. */

for (const element of document.querySelectorAll('time')) showTime(element, element.dateTime)

/**
 * @param {HTMLTimeElement} element
 * @param {string} iso
 */
export function showTime(element, iso) {
  element.dateTime = iso
  element.textContent = new Date(iso).toLocaleString([], {
    dateStyle: 'medium',
    timeStyle: 'short',
  })
}
