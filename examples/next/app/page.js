import Link from 'next/link'

/** A static page, for everybody. */
export default function Page() {
  return (
    <main>
      <p>Hello</p>
      <Link href="/account">Account</Link>
    </main>
  )
}
