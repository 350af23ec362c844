//! AWS Signature Version 4, as far as putting objects needs it: no query, headers and body in one piece.

use crate::hmac::{hex, hmac};
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

/// Who signs, and for where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<'a> {
    pub(super) access_key: &'a str,
    pub(super) secret_key: &'a str,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
}

/// The value of the `authorization` header. `path` is escaped already; `headers` are all that are signed, in lower case and in
/// order, `host` and `x-amz-date` among them.
pub(super) fn authorization(
    scope: Scope<'_>,
    at: DateTime<Utc>,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    payload_sha256: &str,
) -> String {
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let lines: String = headers
        .iter()
        .map(|(name, value)| format!("{name}:{}\n", value.trim()))
        .collect();
    signed(
        scope,
        at,
        &format!("{method}\n{path}\n\n{lines}\n{names}\n{payload_sha256}"),
        &names,
    )
}

/// Signs a canonical request.
fn signed(scope: Scope<'_>, at: DateTime<Utc>, canonical: &str, names: &str) -> String {
    let day = at.format("%Y%m%d").to_string();
    let Scope {
        access_key,
        secret_key,
        region,
        service,
    } = scope;
    let within = format!("{day}/{region}/{service}/aws4_request");
    let digest = sha256(canonical.as_bytes());
    let text = format!("AWS4-HMAC-SHA256\n{}\n{within}\n{digest}", time(at));
    let start = format!("AWS4{secret_key}").into_bytes();
    let parts = [day.as_str(), region, service, "aws4_request"];
    let key = parts
        .into_iter()
        .fold(start, |key, part| hmac(&key, &[part.as_bytes()]).to_vec());
    let signature = hex(&hmac(&key, &[text.as_bytes()]));
    format!("AWS4-HMAC-SHA256 Credential={access_key}/{within}, SignedHeaders={names}, Signature={signature}")
}

/// `20130524T000000Z`.
pub(super) fn time(at: DateTime<Utc>) -> String {
    at.format("%Y%m%dT%H%M%SZ").to_string()
}

/// The digest of bytes, in hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    fn check(authorization: &str, signature: &str) {
        assert!(
            authorization.ends_with(&format!("Signature={signature}")),
            "{authorization}"
        );
    }

    /// The worked examples of "Authenticating Requests: Using the Authorization Header" in the Amazon S3 API reference.
    #[test]
    fn the_worked_examples_of_amazon_s3() {
        let scope = Scope {
            access_key: "AKIAIOSFODNN7EXAMPLE",
            secret_key: SECRET,
            region: "us-east-1",
            service: "s3",
        };
        let at = "2013-05-24T00:00:00Z".parse().unwrap();
        let empty = sha256(b"");
        let get = [
            ("host", "examplebucket.s3.amazonaws.com"),
            ("range", "bytes=0-9"),
            ("x-amz-content-sha256", empty.as_str()),
            ("x-amz-date", "20130524T000000Z"),
        ];
        check(
            &authorization(scope, at, "GET", "/test.txt", &get, &empty),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        );
        let body = sha256(b"Welcome to Amazon S3.");
        let put = [
            ("date", "Fri, 24 May 2013 00:00:00 GMT"),
            ("host", "examplebucket.s3.amazonaws.com"),
            ("x-amz-content-sha256", body.as_str()),
            ("x-amz-date", "20130524T000000Z"),
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ];
        check(
            &authorization(scope, at, "PUT", "/test%24file.text", &put, &body),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        );
    }
}
