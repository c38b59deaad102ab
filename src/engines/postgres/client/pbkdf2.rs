//! PBKDF2 with HMAC-SHA-256 and one block of output (RFC 8018, 5.2).
//!
//! The message of every iteration but the first is a hash, so that an HMAC is two compressions of a block each, after the
//! blocks of the key, which are compressed once. This takes half the time of the same loop over the crate `hmac`;
//! `ring::pbkdf2`, compiled for size, takes longer than either. The 4,096 iterations of a login were a third of the processor
//! time of a start.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::block_api::compress256;
use sha2::{Digest as _, Sha256};

/// The key that a password and a salt give (`Hi()` of RFC 5802, 2.2).
pub(crate) fn derive(password: &[u8], salt: &[u8], iterations: u32) -> [u8; 32] {
    let keyed = Hmac::<Sha256>::new_from_slice(password).expect("HMAC takes a key of any length (RFC 2104, 2)");
    let mut sum: [u8; 32] = keyed.chain_update(salt).chain_update(1_u32.to_be_bytes()).finalize().into_bytes().into();
    let (inner, outer) = (state_after_key(password, 0x36), state_after_key(password, 0x5c));
    // The last block of a message of one block and a hash: the hash, a one bit, zeros, the length in bits (FIPS 180-4, 5.1.1).
    // It is written in place: copies of 64 bytes took longer than the compressions.
    let mut block = [0; 64];
    block[..32].copy_from_slice(&sum);
    block[32] = 0x80;
    block[62..].copy_from_slice(&(96_u16 * 8).to_be_bytes());
    for _ in 1..iterations {
        for key in [inner, outer] {
            let mut state = key;
            compress256(&mut state, std::slice::from_ref(&block));
            block.chunks_exact_mut(4).zip(state).for_each(|(four, word)| four.copy_from_slice(&word.to_be_bytes()));
        }
        sum.iter_mut().zip(&block).for_each(|(sum, byte)| *sum ^= byte);
    }
    sum
}

/// The state of SHA-256 after the first block of an HMAC: the key, each byte XOR `pad` (RFC 2104, 2).
fn state_after_key(key: &[u8], pad: u8) -> [u32; 8] {
    let hash: [u8; 32];
    let key = match key.len() > 64 {
        true => {
            hash = Sha256::digest(key).into();
            &hash
        }
        false => key,
    };
    let mut block = [pad; 64];
    block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
    // The initial state: FIPS 180-4, 5.3.3.
    let mut state =
        [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];
    compress256(&mut state, &[block]);
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_of_rfc_7914_holds() {
        let expected = "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc";
        let key = derive(b"passwd", b"salt", 1);
        assert_eq!(key.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), expected);
    }

    #[test]
    fn every_iteration_is_an_hmac() {
        for length in [0, 1, 63, 64, 65, 200] {
            let password = vec![b'p'; length];
            let hmac = |message: &[u8]| -> [u8; 32] {
                Hmac::<Sha256>::new_from_slice(&password).unwrap().chain_update(message).finalize().into_bytes().into()
            };
            let mut last = hmac(b"salt\0\0\0\x01");
            let mut sum = last;
            for iterations in 1..20 {
                assert_eq!(derive(&password, b"salt", iterations), sum, "{length} {iterations}");
                last = hmac(&last);
                sum.iter_mut().zip(last).for_each(|(sum, byte)| *sum ^= byte);
            }
        }
    }
}
