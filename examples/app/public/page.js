/** What every page does in the browser: one post for each click, and the news of a sign-out in another tab. */
import './one-post.js'
import './tabs.js'
