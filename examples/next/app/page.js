import Link from 'next/link'

/** A static page, for everybody. A prefetch of the link would get 401 without a session. */
export default function Page() {
  return (
    <main>
      <p>Hello</p>
      <Link href="/account" prefetch={false}>
        Account
      </Link>
    </main>
  )
}
