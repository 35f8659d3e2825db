//! The shell as its users meet it: at a terminal, and in a script.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests fail by panicking"
)]

mod ballista;
mod cluster;
mod doctor;
mod prompt;
mod scripts;
mod slow;
mod terminal;
