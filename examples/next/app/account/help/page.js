/** Prerendered at build: proxy.js alone guards it. */
export default function Page() {
  return <p>Help for users</p>
}
