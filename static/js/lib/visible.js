/** A joined emoji, or a character that is invisible or reorders its neighbors. */
const UNSEEN =
  /(\p{Extended_Pictographic}[\ufe0f\u200d]{0,2})|(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** Characters that reorder their neighbors, and so can make text read as something else. */
const BIDI_CONTROLS = /[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]/g;

/**
 * Spells out the characters that hide or reorder text, so that people read what is really there.
 * @param {string} text
 */
export function visible(text) {
  return text.replace(UNSEEN, (character, emoji) => emoji ?? named(character));
}

/** Names only the characters that reorder text: for output, where others may be meant. @param {string} text */
export function escapeBidi(text) {
  return text.replace(BIDI_CONTROLS, named);
}

const named = (character) => `⟨U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`;
