//! What is embedded is embedded anew when it changes.

fn main() {
    println!("cargo:rerun-if-changed=../../content/checks");
    println!("cargo:rerun-if-changed=../../content/frameworks");
    println!("cargo:rerun-if-changed=../../content/peers.toml");
    println!("cargo:rerun-if-changed=../../content/evidence");
}
