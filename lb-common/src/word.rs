//! Words that several cores, and the daemon, read and write at once.
//!
//! On the host they are `core`'s atomics. Those have no 32-bit type and no read-modify-write for the kernel's target,
//! so there the same is said in its own instructions. Loads acquire and stores release, which on x86-64 plain ones do;
//! read-modify-write is a full barrier.

#[cfg(not(target_arch = "bpf"))]
mod imp {
    use core::sync::atomic::{
        AtomicU32, AtomicU64,
        Ordering::{Acquire, Release, SeqCst},
    };

    use zerocopy::FromBytes;

    macro_rules! word {
        ($(#[$doc:meta])* $name:ident, $atomic:ty, $value:ty) => {
            $(#[$doc])*
            #[derive(Debug, Default, FromBytes)]
            #[repr(transparent)]
            pub struct $name($atomic);

            impl $name {
                /// A word with this value.
                #[must_use]
                pub const fn new(value: $value) -> Self {
                    Self(<$atomic>::new(value))
                }

                /// The value.
                pub fn get(&self) -> $value {
                    self.0.load(Acquire)
                }

                /// Writes a value.
                pub fn set(&self, value: $value) {
                    self.0.store(value, Release);
                }

                /// Writes `new` where the word is `current`; whether it did.
                pub fn compare_exchange(&self, current: $value, new: $value) -> bool {
                    self.0.compare_exchange(current, new, SeqCst, Acquire).is_ok()
                }

                /// Adds, wrapping around, and gives what was there before.
                pub fn fetch_add(&self, addend: $value) -> $value {
                    self.0.fetch_add(addend, SeqCst)
                }
            }
        };
    }

    word!(
        /// A shared word of 32 bits.
        Word32, AtomicU32, u32
    );
    word!(
        /// A shared word of 64 bits.
        Word64, AtomicU64, u64
    );

    impl Word64 {
        /// The upper half of the value.
        pub fn upper(&self) -> u32 {
            (self.get() >> 32) as u32
        }
    }
}

#[cfg(target_arch = "bpf")]
#[allow(unsafe_code)]
mod imp {
    use core::{arch::asm, cell::UnsafeCell};

    use zerocopy::FromBytes;

    macro_rules! word {
        (
            $(#[$doc:meta])* $name:ident, $value:ty, $register:ident, $accumulator:tt,
            $exchange:literal, $add:literal
        ) => {
            $(#[$doc])*
            #[derive(Debug, Default, FromBytes)]
            #[repr(transparent)]
            pub struct $name(UnsafeCell<$value>);

            // SAFETY: every access is one instruction on an aligned word, which the processor does whole.
            unsafe impl Sync for $name {}

            impl $name {
                /// A word with this value.
                #[inline(always)]
                #[must_use]
                pub const fn new(value: $value) -> Self {
                    Self(UnsafeCell::new(value))
                }

                /// The value.
                #[inline(always)]
                pub fn get(&self) -> $value {
                    // SAFETY: the pointer is of a live word; volatile, since others write it too.
                    unsafe { self.0.get().read_volatile() }
                }

                /// Writes a value.
                #[inline(always)]
                pub fn set(&self, value: $value) {
                    // SAFETY: as above.
                    unsafe { self.0.get().write_volatile(value) }
                }

                /// Writes `new` where the word is `current`; whether it did.
                #[inline(always)]
                pub fn compare_exchange(&self, current: $value, new: $value) -> bool {
                    let before: $value;
                    // SAFETY: the instruction touches the word and its register alone.
                    unsafe {
                        asm!($exchange, word = in(reg) self.0.get(), new = in($register) new,
                             inout($accumulator) current => before);
                    }
                    before == current
                }

                /// Adds, wrapping around, and gives what was there before.
                #[inline(always)]
                pub fn fetch_add(&self, addend: $value) -> $value {
                    let before: $value;
                    // SAFETY: as above.
                    unsafe {
                        asm!($add, word = in(reg) self.0.get(), value = inout($register) addend => before);
                    }
                    before
                }
            }
        };
    }

    word!(
        /// A shared word of 32 bits.
        Word32, u32, wreg, "w0",
        "w0 = cmpxchg32_32({word} + 0, w0, {new})",
        "{value} = atomic_fetch_add((u32 *)({word} + 0), {value})"
    );
    word!(
        /// A shared word of 64 bits.
        Word64, u64, reg, "r0",
        "r0 = cmpxchg_64({word} + 0, r0, {new})",
        "{value} = atomic_fetch_add((u64 *)({word} + 0), {value})"
    );

    impl Word64 {
        /// The upper half of the value.
        #[inline(always)]
        pub fn upper(&self) -> u32 {
            // SAFETY: as above; the target is little-endian.
            unsafe { self.0.get().cast::<u32>().add(1).read_volatile() }
        }
    }
}

pub use imp::{Word32, Word64};

/// Gives `value` back, as a number that the kernel's verifier knows nothing of.
///
/// The verifier follows every value that a register can have. Of a loop that ends with one of seven indices it would go
/// through the rest of the program seven times, and so on for each such loop. `noise` is any number that it does not know.
#[inline(always)]
#[must_use]
pub fn forget(value: u32, noise: u32) -> u32 {
    #[cfg(target_arch = "bpf")]
    #[allow(unsafe_code)]
    {
        let mut forgotten = u64::from(value);
        // SAFETY: arithmetic on registers: noise ^ noise is zero, which the verifier does not see.
        unsafe {
            core::arch::asm!(
                "{zero} = {noise}", "{zero} ^= {noise}", "{value} ^= {zero}",
                noise = in(reg) u64::from(noise), zero = out(reg) _, value = inout(reg) forgotten,
                options(pure, nomem, nostack),
            );
        }
        forgotten as u32
    }
    #[cfg(not(target_arch = "bpf"))]
    {
        let _ = noise;
        value
    }
}

/// Gives `value` back, in a form that the compiler cannot replace by another that it was computed from: so that what
/// is checked is what is used, as the verifier wants it.
#[inline(always)]
#[must_use]
pub fn pinned(value: usize) -> usize {
    #[cfg(target_arch = "bpf")]
    #[allow(unsafe_code)]
    {
        let mut pinned = value;
        // SAFETY: a move of a register onto itself; with no instruction at all, two lines would claim the same place.
        unsafe {
            core::arch::asm!("{value} = {value}", value = inout(reg) pinned, options(pure, nomem, nostack))
        };
        pinned
    }
    #[cfg(not(target_arch = "bpf"))]
    value
}

/// 1 where the two are equal, 0 otherwise, and no branch for the verifier to follow both ways.
#[inline(always)]
#[must_use]
pub fn same(a: u32, b: u32) -> u32 {
    let difference = u64::from(a ^ b);
    (pinned(difference.wrapping_sub(1) as usize) as u64 >> 63) as u32
}

/// Nothing, but for the kernel other code for each number: so the compiler makes no single one of places that differ in no
/// more than a constant.
#[inline(always)]
pub fn unlike_others<const NUMBER: u32>() {
    #[cfg(target_arch = "bpf")]
    #[allow(unsafe_code)]
    // SAFETY: a register is set that nobody reads.
    unsafe {
        core::arch::asm!("{any} = {number}", any = out(reg) _, number = const NUMBER, options(nomem, nostack));
    }
}
