//! Empty: the features of the dependencies are all that this package gives (Cargo.toml).
