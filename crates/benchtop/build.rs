//! A new instrument or bench is embedded without a change of the source.

fn main() {
    println!("cargo:rerun-if-changed=instruments");
    println!("cargo:rerun-if-changed=fixtures/benches");
}
