/** Does `act`: what comes of it, or null where it fails, which `trouble` then says: in what words, and why. */
export async function attempt(trouble, act, words = "That was not done:") {
  trouble.hidden = true;
  try {
    return await act();
  } catch (error) {
    trouble.textContent = `${words} ${error.message}`;
    trouble.hidden = false;
    return null;
  }
}
