#![allow(missing_docs)]
fn x() {}
