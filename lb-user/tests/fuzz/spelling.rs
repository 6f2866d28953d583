//! Inputs that get past the first bytes of a parser: made of words that it knows, and of any bytes.

/// How many inputs a target tries within `cargo test`, and how long they are before they are spelled out.
pub(crate) const ITERATIONS: usize = 20_000;
pub(crate) const LONGEST: usize = 48;

/// Each byte stands for a word, or, where it is one of the last 32, for the byte that follows it. So a fuzzer that
/// changes bytes changes words, and yet comes upon every text.
pub(crate) fn spell(input: &[u8], words: &[&[u8]]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut input = input.iter();
    while let Some(&byte) = input.next() {
        if byte < 224 {
            text.extend_from_slice(words[usize::from(byte) % words.len()]);
        } else {
            text.extend(input.next());
        }
    }
    text
}

/// Two inputs of one: what stands before the first `u8::MAX`, and what stands behind it.
pub(crate) fn halves(input: &[u8]) -> (&[u8], &[u8]) {
    let mut halves = input.splitn(2, |&byte| byte == u8::MAX);
    (
        halves.next().unwrap_or_default(),
        halves.next().unwrap_or_default(),
    )
}

/// Runs `check` on spelled inputs.
macro_rules! for_each_text {
    ($words:expr, $check:expr) => {
        bolero::check!()
            .with_iterations($crate::spelling::ITERATIONS)
            .with_max_len($crate::spelling::LONGEST)
            .for_each(|input: &[u8]| $check(&$crate::spelling::spell(input, $words)))
    };
}
pub(crate) use for_each_text;
