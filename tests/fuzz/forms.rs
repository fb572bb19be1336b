//! Forms: `targets/forms.rs` on what the fuzzer makes up.
#![no_main]

#[path = "targets/forms.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| target::check(bytes));
