//! A time-stamp authority made of `openssl`, in a directory of its own: a root, a certificate between where asked,
//! and a certificate that signs. It answers requests as a real one does (`openssl ts`), and signs what no real one
//! would (`openssl cms`).

#![allow(dead_code, reason = "not every test needs all of it")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

/// What the authority is like.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// Arguments of `openssl req -newkey`.
    pub key: &'static [&'static str],
    /// The hash that it signs with.
    pub digest: &'static str,
    /// The hash that binds its certificate; `sha1` makes the older attribute.
    pub bond: &'static str,
    /// Whether its certificate stands under one between it and the root, which it sends along.
    pub intermediate: bool,
    /// Extensions of its certificate.
    pub extensions: &'static str,
    /// Last day of its certificate, as `YYYYMMDDhhmmssZ`; the first is in 2020.
    pub until: &'static str,
}

pub const RSA: &[&str] = &["rsa:2048"];
pub const P256: &[&str] = &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
pub const P384: &[&str] = &["ec", "-pkeyopt", "ec_paramgen_curve:P-384"];

/// An authority in good order.
pub const GOOD: Profile = Profile {
    key: P256,
    digest: "sha256",
    bond: "sha256",
    intermediate: false,
    extensions: "stamping",
    until: "20491231235959Z",
};

/// The authority.
pub struct Authority {
    directory: TempDir,
    profile: Profile,
}

impl Authority {
    pub fn new(profile: Profile) -> Self {
        let authority = Self { directory: TempDir::new().unwrap(), profile };
        authority.write("openssl.cnf", config(profile).as_bytes());
        authority.write("index", b"");
        authority.write("stamps", b"01\n");
        let root = ["req", "-x509", "-nodes", "-days", "36500", "-config", "openssl.cnf", "-extensions", "root"];
        let files = ["-keyout", "root.key", "-out", "root.pem", "-subj", "/CN=Root", "-newkey"];
        authority.openssl(&[root.as_slice(), &files, profile.key].concat());
        authority.write("chain.pem", authority.root().as_bytes());
        if profile.intermediate {
            authority.certify("between", "root", "root", "20491231235959Z");
            let chain = authority.text("between.pem") + &authority.root();
            authority.write("chain.pem", chain.as_bytes());
        }
        let issuer = if profile.intermediate { "between" } else { "root" };
        authority.certify("signer", issuer, profile.extensions, profile.until);
        authority
    }

    /// The PEM text of its root.
    pub fn root(&self) -> String {
        self.text("root.pem")
    }

    /// The PEM text of the certificate that signs.
    pub fn signer(&self) -> String {
        self.text("signer.pem")
    }

    /// The response to a request.
    pub fn stamp(&self, request: &[u8]) -> Vec<u8> {
        self.write("request.tsq", request);
        self.openssl(&["ts", "-reply", "-config", "openssl.cnf", "-queryfile", "request.tsq", "-out", "response.tsr"]);
        self.bytes("response.tsr")
    }

    /// Whether `openssl ts -verify` takes the response for one to the request, under this authority's root.
    pub fn openssl_accepts(&self, request: &[u8], response: &[u8]) -> bool {
        self.write("request.tsq", request);
        self.write("response.tsr", response);
        let verify = ["ts", "-verify", "-in", "response.tsr", "-queryfile", "request.tsq", "-CAfile", "root.pem"];
        let untrusted = if self.profile.intermediate { ["-untrusted", "between.pem"].as_slice() } else { &[] };
        self.try_openssl(&[verify.as_slice(), untrusted].concat()).is_ok()
    }

    /// The signed content of a response: a `TSTInfo`.
    pub fn content(&self, response: &[u8]) -> Vec<u8> {
        self.write("response.tsr", response);
        self.openssl(&["ts", "-reply", "-in", "response.tsr", "-token_out", "-out", "token.der"]);
        let verify = ["cms", "-verify", "-noverify", "-binary", "-inform", "DER", "-in", "token.der"];
        self.openssl(&[verify.as_slice(), &["-certfile", "signer.pem", "-out", "content.der"]].concat());
        self.bytes("content.der")
    }

    /// A granted response with any content, signed by this authority's key without asking whether it may. `options` are
    /// those of `openssl cms -sign`.
    pub fn sign(&self, content: &[u8], options: &[&str]) -> Vec<u8> {
        self.write("content.der", content);
        let sign =
            ["cms", "-sign", "-binary", "-nodetach", "-in", "content.der", "-outform", "DER", "-out", "token.der"];
        let signer = ["-signer", "signer.pem", "-inkey", "signer.key", "-md", self.profile.digest];
        self.openssl(&[sign.as_slice(), &signer, options].concat());
        granted(&self.bytes("token.der"))
    }

    fn certify(&self, name: &str, issuer: &str, extensions: &str, until: &str) {
        let [key, request, certificate] = ["key", "csr", "pem"].map(|end| format!("{name}.{end}"));
        let subject = format!("/O=Outside Ltd/CN=Stamps {name}");
        let req = ["req", "-new", "-nodes", "-config", "openssl.cnf", "-keyout", &key, "-out", &request];
        self.openssl(&[req.as_slice(), &["-subj", &subject, "-newkey"], self.profile.key].concat());
        let [issuer_key, issuer_certificate] = ["key", "pem"].map(|end| format!("{issuer}.{end}"));
        let ca = ["ca", "-batch", "-notext", "-config", "openssl.cnf", "-in", &request, "-out", &certificate];
        let by = ["-cert", &issuer_certificate, "-keyfile", &issuer_key, "-extensions", extensions];
        let when = ["-startdate", "20200101000000Z", "-enddate", until];
        self.openssl(&[ca.as_slice(), &by, &when].concat());
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    fn text(&self, name: &str) -> String {
        String::from_utf8(self.bytes(name)).unwrap()
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    fn openssl(&self, arguments: &[&str]) {
        if let Err(said) = self.try_openssl(arguments) {
            panic!("openssl {}\n{said}", arguments.join(" "));
        }
    }

    fn try_openssl(&self, arguments: &[&str]) -> Result<(), String> {
        let run = Command::new("openssl").args(arguments).current_dir(self.directory.path()).output();
        let output = run.expect("this test needs the program `openssl`: apt-get install openssl");
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }
}

/// A `TimeStampResp` of status 0 around a token.
fn granted(token: &[u8]) -> Vec<u8> {
    const STATUS: [u8; 5] = [0x30, 3, 2, 1, 0];
    let length = u16::try_from(STATUS.len() + token.len()).unwrap();
    assert!(length > 255, "a token is longer than what two bytes of length are for");
    [[0x30, 0x82].as_slice(), &length.to_be_bytes(), &STATUS, token].concat()
}

fn config(profile: Profile) -> String {
    let Profile { digest, bond, intermediate, .. } = profile;
    let certificates = if intermediate { "certs = chain.pem" } else { "" };
    format!(
        "
[ca]
default_ca = issuing
[issuing]
database = index
new_certs_dir = .
rand_serial = yes
unique_subject = no
default_md = sha256
policy = names
[names]
organizationName = optional
commonName = supplied
[req]
distinguished_name = name
prompt = no
[name]
CN = unused
[root]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[stamping]
basicConstraints = CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
subjectKeyIdentifier = hash
[mail]
basicConstraints = CA:false
extendedKeyUsage = critical, emailProtection
[nothing]
basicConstraints = CA:false
[lenient]
basicConstraints = CA:false
extendedKeyUsage = timeStamping
[both]
basicConstraints = CA:false
extendedKeyUsage = critical, timeStamping, emailProtection
[tsa]
default_tsa = stamps
[stamps]
serial = stamps
signer_cert = signer.pem
signer_key = signer.key
signer_digest = {digest}
ess_cert_id_alg = {bond}
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1, millisecs:500, microsecs:100
{certificates}
"
    )
}
