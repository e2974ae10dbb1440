//! Randomness: the one place that asks the system for it.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// Fills an array with random bytes.
///
/// # Panics
/// When the operating system has no randomness to give; nothing safe can be done then.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// A password or token of 192 random bits, safe in URLs, shells and forms.
pub fn token() -> String {
    URL_SAFE_NO_PAD.encode(bytes::<24>())
}
