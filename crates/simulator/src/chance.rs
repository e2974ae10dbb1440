//! Seeded chance: every "random" decision of the simulator is a hash of the seed and of what is decided.
//!
//! Invariant: the same seed and the same question give the same answer, on every machine and in any order.
//! There is no hidden state except in [`Dice`], and no source of true randomness.

/// Mixes all bits of a word (the finalizer of SplitMix64).
pub(crate) fn mix(word: u64) -> u64 {
    let mut word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// One 64-bit draw for the question (`topic`, `number`).
pub(crate) fn draw(seed: u64, topic: u64, number: u64) -> u64 {
    mix(mix(seed ^ mix(topic)).wrapping_add(number))
}

/// Maps a draw to `0..limit`; 0 when `limit` is 0.
pub(crate) fn below(word: u64, limit: u64) -> u64 {
    ((u128::from(word) * u128::from(limit)) >> 64) as u64
}

/// Maps a draw to `0.0..1.0`.
pub(crate) fn unit(word: u64) -> f64 {
    (word >> 11) as f64 / (1_u64 << 53) as f64
}

/// Hashes bytes (FNV-1a, mixed): for binding tokens to their query and for text look-ups.
pub(crate) fn hash_bytes(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    mix(hash)
}

/// A stream of draws, for loops that need many.
#[derive(Debug, Clone)]
pub(crate) struct Dice {
    state: u64,
}

impl Dice {
    /// A stream that depends on the seed and the topic only.
    pub(crate) fn new(seed: u64, topic: u64) -> Self {
        Self { state: mix(seed ^ mix(topic)) }
    }

    /// The next draw.
    pub(crate) fn roll(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    /// The next draw in `0..limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        below(self.roll(), limit)
    }
}
