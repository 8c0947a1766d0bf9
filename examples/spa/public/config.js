/** The origin of the API. The page is static, so this is the one value that changes with the place. */
export const apiUrl = 'http://localhost:3001'
