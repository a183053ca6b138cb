//! The walk that is recorded as the examples of the interface: a coffee shop that tries every door of its own node.
//!
//! Everything in it is fixed, signatures included: the alliance of `tally_tests::solo` is the same in every run.

use ed25519_dalek::SigningKey;
use serde::Serialize;
use serde_json::{Value, json};
use tally_contracts::authorization::{Authorization, SpendGrant, WalletAuthorization};
use tally_contracts::crypto::{Nonce, PublicKey, Signature};
use tally_contracts::encoding;
use tally_contracts::exchange::Exchange;
use tally_contracts::genesis::Role;
use tally_contracts::membership::{
    AddKey, Enrol, EnrolWallet, Freeze, HolderKind, RecoverWallet, RegisterWallet, RevokeKey, RotateKey, RotateWallet,
    Unfreeze, member_address, wallet_address,
};
use tally_contracts::points::{
    Capture, CreateClass, Issue, IssueLine, PlaceHold, Redeem, ReverseIssue, ReverseRedeem, SetStoreLimits, Transfer,
    Void,
};
use tally_contracts::transaction::{Body, Operation, Till, Transaction};
use tally_contracts::types::{
    Address, Category, ChainId, ClassId, DAY_MS, Fen, HOUR_MS, Hash, MerchantId, Points, Reference, StoreId, TillId,
};
use tally_tests::solo::{GENESIS_MS, genesis, key};

use crate::document::Step;
use crate::{proofs, settlement};

pub const SHOP: MerchantId = MerchantId(1);
pub const BEANS: ClassId = ClassId(1);
const STAMPS: ClassId = ClassId(2);
const TILL: Till = Till { store_id: StoreId(7), till_id: TillId(1) };
/// What is signed before the clock is set is valid for an hour.
pub const VALID_UNTIL_MS: u64 = GENESIS_MS + HOUR_MS;
/// The clock is set to this: the first cycle is over.
pub const NEXT_MONTH_MS: u64 = GENESIS_MS + 30 * DAY_MS;

/// Seeds of wallet keys, and of operator keys that come later.
const WALLET: u8 = 20;
const NEW_WALLET: u8 = 21;
const LOST_WALLET: u8 = 22;
const PHONE: u8 = 23;
const TILL_KEY: u8 = 30;
const NEW_TILL_KEY: u8 = 31;

fn commitment(number: u8) -> Hash {
    Hash([number; 32])
}

/// A member that the shop enrolled by its member number.
pub fn member(number: u8) -> Address {
    member_address(SHOP, &commitment(number))
}

pub fn reference(number: u128) -> Reference {
    Reference::new(GENESIS_MS + u64::try_from(number).expect("small"), number)
}

fn chain_id() -> ChainId {
    genesis().chain_id()
}

/// A step of the walk.
pub fn step(operation: &str, name: &str, summary: &str) -> Step {
    let (operation, name, summary) = (operation.to_owned(), name.to_owned(), summary.to_owned());
    Step { operation, name, summary, status: 200, ..Step::default() }
}

pub trait With: Sized {
    fn with(self, parameter: &str, value: impl Serialize) -> Self;
    fn body(self, kind: &str, value: impl Serialize) -> Self;
    fn answered(self, status: u16) -> Self;
}

impl With for Step {
    fn with(mut self, parameter: &str, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).expect("a parameter has a JSON form");
        self.parameters.insert(parameter.to_owned(), value);
        self
    }

    fn body(mut self, kind: &str, value: impl Serialize) -> Self {
        self.body = Some((kind.to_owned(), serde_json::to_value(value).expect("a body has a JSON form")));
        self
    }

    fn answered(mut self, status: u16) -> Self {
        self.status = status;
        self
    }
}

/// One operation at the shop's own door, under the reference of a number.
pub fn submit(number: u128, name: &str, summary: &str, body: &Body) -> Step {
    let submission = json!({ "till": TILL, "body": body });
    let step = step("submitOperation", name, summary).body("application/json", submission);
    step.with("Idempotency-Key", reference(number)).with("Prefer", "wait=30")
}

/// The same, with the word of a wallet.
fn authorized(number: u128, name: &str, summary: &str, (body, wallet): (&Body, u8)) -> Step {
    let signed = WalletAuthorization::sign(&key(wallet), (chain_id(), SHOP), VALID_UNTIL_MS, (reference(number), body));
    let submission = json!({ "till": TILL, "body": body, "authorization": Authorization::Wallet(signed) });
    submit(number, name, summary, body).body("application/json", submission)
}

/// A transaction of one operation, signed elsewhere.
pub fn signed(
    number: u128,
    (merchant, key): (MerchantId, &SigningKey),
    valid_until_ms: u64,
    body: Body,
) -> Transaction {
    let mut transaction = Transaction {
        chain_id: chain_id(),
        merchant,
        public_key: PublicKey::default(),
        valid_until_ms,
        atomic: false,
        operations: vec![Operation::new(reference(number), body)],
        signature: Signature::default(),
    };
    transaction.sign(key);
    transaction
}

pub fn send(name: &str, summary: &str, transaction: &Transaction) -> Step {
    step("submitTransaction", name, summary).body("application/json", transaction).with("Prefer", "wait=30")
}

pub fn by_governor(number: u128, body: Body) -> Transaction {
    signed(number, (SHOP, &key(key::GOVERNOR)), VALID_UNTIL_MS, body)
}

fn issue(member: Address, amount_fen: u64) -> Body {
    let line = IssueLine { category: Category(3), amount_fen: Fen(amount_fen) };
    Body::Issue(Issue { class: BEANS, member, lines: vec![line] })
}

fn purchase_of_nothing() -> Body {
    Body::Issue(Issue { class: BEANS, member: member(2), lines: Vec::new() })
}

fn redeem(member: Address, points: u64) -> Body {
    Body::Redeem(Redeem { class: BEANS, member, points: Points(points) })
}

fn hold(member: Address, points: u64) -> Body {
    let release_ms = GENESIS_MS + DAY_MS;
    Body::Hold(PlaceHold { class: BEANS, member, points: Points(points), release_ms })
}

/// A line of a bulk.
fn line(number: u128, body: &Body) -> String {
    json!({ "reference": reference(number), "till": TILL, "body": body }).to_string()
}

/// The walk.
pub fn steps() -> Vec<Step> {
    let parts = [
        members(),
        sales(),
        holds_and_refunds(),
        wallets(),
        doors(),
        keys(),
        questions(),
        chain(),
        settlement::steps(),
        proofs::steps(),
    ];
    parts.into_iter().flatten().collect()
}

fn members() -> Vec<Step> {
    let enrol = |number| Body::Enrol(Enrol { holder: HolderKind::Member, commitment: commitment(number) });
    let again = Body::Freeze(Freeze { member: member(2) });
    vec![
        step("getLiveness", "alive", "The process answers"),
        step("getReadiness", "ready", "The node keeps up"),
        submit(1, "enrol", "A member joins", &enrol(1)),
        submit(2, "enrol_another", "Another member joins; the receipt is asked for later", &enrol(2))
            .with("Prefer", "respond-async")
            .answered(202),
        step("getOperation", "by_reference", "What became of it")
            .with("merchant", SHOP)
            .with("reference", reference(1)),
        submit(3, "freeze", "A stolen card is stopped", &again),
        submit(4, "unfreeze", "The card was found", &Body::Unfreeze(Unfreeze { member: member(2) })),
    ]
}

fn sales() -> Vec<Step> {
    let exchange = Exchange {
        member: member(1),
        from_class: BEANS,
        to_class: STAMPS,
        points: Points(50),
        min_out: Points(9),
        quote: None,
    };
    let gift = Transfer { class: BEANS, from: member(1), to: member(2), points: Points(30) };
    vec![
        submit(10, "dry_run", "What a purchase would earn; nothing is taken", &issue(member(1), 12_850))
            .with("dry_run", true),
        submit(11, "issue", "A purchase earns points", &issue(member(1), 128_500)),
        submit(12, "redeem", "Points are spent at the till", &redeem(member(1), 100)),
        submit(13, "transfer", "Points are given to another member", &Body::Transfer(gift)),
        submit(14, "exchange", "Points become points of another class", &Body::Exchange(exchange)),
        submit(15, "insufficient", "More than the member has", &redeem(member(1), 1_000_000)).answered(422),
        submit(15, "insufficient_zh", "The same, told in Chinese", &redeem(member(1), 1_000_000))
            .with("Accept-Language", "zh")
            .answered(422),
        submit(11, "reference_reused", "A reference that another operation had", &redeem(member(1), 1)).answered(422),
        step("submitOperation", "without_reference", "The reference is missing")
            .body("application/json", json!({ "body": redeem(member(1), 1) }))
            .answered(400),
    ]
}

fn holds_and_refunds() -> Vec<Step> {
    let hold_of = |number| reference(number);
    vec![
        submit(20, "hold", "A web shop sets points aside for a checkout", &hold(member(1), 80)),
        submit(
            21,
            "capture",
            "The order ships: most of it is spent, the rest is released",
            &Body::Capture(Capture { hold: hold_of(20), points: Points(60) }),
        ),
        submit(22, "hold_another", "Another checkout", &hold(member(1), 40)),
        submit(23, "void", "The cart is given up", &Body::Void(Void { hold: hold_of(22) })),
        submit(
            24,
            "reverse_redeem",
            "Part of a redemption is refunded",
            &Body::ReverseRedeem(ReverseRedeem { original: reference(12), points: Points(40) }),
        ),
        submit(
            25,
            "reverse_issue",
            "Part of a purchase is refunded",
            &Body::ReverseIssue(ReverseIssue { original: reference(11), amount_fen: Fen(28_500) }),
        ),
    ]
}

fn wallets() -> Vec<Step> {
    let public = |seed| PublicKey::of(&key(seed));
    let phone = wallet_address(&public(PHONE));
    let register = Body::RegisterWallet(RegisterWallet { member: member(1), wallet_key: public(WALLET) });
    let rotate = Body::RotateWallet(RotateWallet { member: member(1), wallet_key: public(NEW_WALLET) });
    let recover = Body::RecoverWallet(RecoverWallet { member: member(1), wallet_key: public(LOST_WALLET) });
    let enrol = Body::EnrolWallet(EnrolWallet { holder: HolderKind::Member, wallet_key: public(PHONE) });
    let by_grant = Authorization::Grant(phone_grant());
    let by_grant = json!({ "till": TILL, "body": redeem(phone, 20), "authorization": by_grant });
    vec![
        authorized(30, "register_wallet", "A member's phone is put on record", (&register, WALLET)),
        authorized(
            31,
            "redeem_by_wallet",
            "The member's phone authorizes this very redemption",
            (&redeem(member(1), 10), WALLET),
        ),
        authorized(32, "rotate_wallet", "A new phone, by the old one's word", (&rotate, WALLET)),
        submit(33, "recover_wallet", "The phone is lost: the new key counts in seven days", &recover),
        authorized(34, "enrol_wallet", "A member joins by its phone alone", (&enrol, PHONE)),
        submit(35, "issue_to_wallet", "It earns points", &issue(phone, 10_000)),
        submit(37, "hold_open", "A checkout that is still open", &hold(member(2), 5)),
        submit(36, "redeem_by_grant", "It shows a code that is good for 50 points", &redeem(phone, 20))
            .body("application/json", by_grant),
    ]
}

/// The code that the phone shows.
fn phone_grant() -> SpendGrant {
    let mut grant = SpendGrant {
        chain_id: chain_id(),
        member: wallet_address(&PublicKey::of(&key(PHONE))),
        class: BEANS,
        max_points: Points(50),
        acceptors: vec![SHOP],
        expires_ms: VALID_UNTIL_MS,
        nonce: Nonce([7; 16]),
        public_key: PublicKey::default(),
        signature: Signature::default(),
    };
    grant.sign(&key(PHONE));
    grant
}

fn doors() -> Vec<Step> {
    let lines =
        [line(40, &issue(member(2), 5_000)), line(41, &redeem(member(2), 1_000_000)), line(44, &purchase_of_nothing())]
            .join("\n");
    let atomic = [line(42, &issue(member(2), 5_000)), line(43, &redeem(member(2), 10))].join("\n");
    let bulk = |name: &str, summary: &str, lines: &str| {
        step("submitBulk", name, summary).body("application/x-ndjson", lines).with("Prefer", "wait=30")
    };
    let class: Value = serde_json::to_value(genesis()).expect("JSON")["classes"][0]["terms"].clone();
    let terms = serde_json::from_value(class).expect("terms");
    let create = by_governor(50, Body::CreateClass(CreateClass { class: ClassId(3), terms }));
    let octets = by_governor(
        51,
        Body::SetStoreLimits(SetStoreLimits {
            store_id: StoreId(7),
            redeem_limit_fen: Fen(1_000_000),
            refund_limit_fen: Fen(200_000),
        }),
    );
    let stranger = signed(52, (SHOP, &key(99)), VALID_UNTIL_MS, issue(member(1), 100));
    vec![
        bulk("each", "Each line for itself: one is applied, one rejected, one not well formed", &lines)
            .with("mode", "continue"),
        bulk("atomic", "All lines or none", &atomic).with("mode", "atomic"),
        bulk("dry_run", "What a bulk would come to; sent before already, so each line has its first receipt", &atomic)
            .with("mode", "atomic")
            .with("dry_run", true)
            .with("Accept-Language", "zh"),
        bulk("empty", "A bulk of nothing", "\n").answered(400),
        send("dry_run", "What a transaction would come to", &create).with("dry_run", true),
        send("create_class", "A governor opens a class", &create),
        send("again", "The same again: the same receipts", &create),
        step("submitTransaction", "octets", "Canonical bytes (in hexadecimal here): a store's daily limits")
            .body("application/octet-stream", hex::encode(encoding::encode(&octets)))
            .with("Prefer", "wait=30"),
        send(
            "pending",
            "The receipts are asked for later",
            &by_governor(53, Body::RevokeKey(RevokeKey { public_key: PublicKey::of(&key(98)) })),
        )
        .with("Prefer", "respond-async")
        .answered(202),
        send("unknown_key", "Signed by a key that is not the merchant's", &stranger).answered(422),
        step("getTransaction", "final", "What became of a transaction").with("transaction_id", transaction_id(&create)),
    ]
}

fn transaction_id(transaction: &Transaction) -> Hash {
    let checked = tally_contracts::transaction::CheckedTransaction::check(encoding::encode(transaction), &chain_id());
    checked.expect("a valid transaction").id()
}

fn keys() -> Vec<Step> {
    let public = |seed| PublicKey::of(&key(seed));
    let add = AddKey { public_key: public(TILL_KEY), roles: vec![Role::Acceptor], store_id: Some(StoreId(7)) };
    let rotate = RotateKey { public_key: public(TILL_KEY), new_key: public(NEW_TILL_KEY) };
    vec![
        send("add_key", "A till of one store gets its own key", &by_governor(60, Body::AddKey(add))),
        send("rotate_key", "The till's key is replaced", &by_governor(61, Body::RotateKey(rotate))),
        send(
            "revoke_key",
            "The till was stolen",
            &by_governor(62, Body::RevokeKey(RevokeKey { public_key: public(NEW_TILL_KEY) })),
        ),
    ]
}

/// A call of JSON-RPC.
fn call(id: u32, method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

fn questions() -> Vec<Step> {
    let card = |step: Step| step.with("member", member(1));
    let shop = |step: Step| step.with("merchant", SHOP);
    vec![
        step("listOperations", "of_a_store", "A store's redemptions")
            .with("merchant", SHOP)
            .with("store_id", 7)
            .with("kind", "redeem")
            .with("from_ms", GENESIS_MS)
            .with("to_ms", GENESIS_MS + DAY_MS)
            .with("limit", 2),
        step("listOperations", "unknown_merchant", "A merchant that there is not").with("merchant", 9).answered(404),
        step("listDayTotals", "of_a_merchant", "What a day came to, line by line")
            .with("merchant", SHOP)
            .with("from_ms", GENESIS_MS - 8 * HOUR_MS)
            .with("to_ms", GENESIS_MS + 16 * HOUR_MS)
            .with("limit", 3),
        card(step("getMember", "now", "Live holdings")),
        step("getGrant", "used", "What was spent of the code that the phone showed")
            .with("grant", phone_grant().id())
            .with("expires_ms", VALID_UNTIL_MS),
        step("getMember", "unknown", "A card that nobody has").with("member", Address([1; 20])).answered(404),
        card(step("getBalances", "at_height", "Holdings as of the first block")).with("at_height", 1),
        card(step("getStatement", "newest", "The newest movements")).with("class", BEANS).with("limit", 3),
        card(step("getErc1155", "of_a_member", "Where programs of Ethereum find the shop's points")),
        step("callEthereum", "events", "What the first blocks moved")
            .body("application/json", call(1, "eth_getLogs", json!([{ "fromBlock": "0x1", "toBlock": "0xa" }]))),
        step("callEthereum", "batch", "The number of the chain, and a transaction that is refused").body(
            "application/json",
            json!([call(1, "eth_chainId", json!([])), call(2, "eth_sendRawTransaction", json!(["0x00"]))]),
        ),
        step("callEthereumByToken", "chain_id", "The token in the path")
            .with("token", tally_tests::solo::TOKEN)
            .body("application/json", call(1, "net_version", json!([]))),
        step("listClasses", "all", "Every class"),
        step("getClass", "one", "One class").with("class", BEANS),
        step("getRates", "from_one", "What beans become").with("from_class", BEANS).with("to_class", STAMPS),
        step("getRates", "same", "A question without an answer")
            .with("from_class", BEANS)
            .with("to_class", BEANS)
            .answered(400),
        step("listMerchants", "all", "Every merchant"),
        shop(step("listOperatorKeys", "all", "The shop's keys, revoked ones too")),
        shop(step("listStores", "limits", "What a store may do in a day, and what it did")),
        shop(step("listHolds", "open", "What is set aside at the shop")),
        step("getObligations", "open", "What is owed in the open cycle"),
        step("quoteExchange", "one", "What an exchange would give now, and what limits leave")
            .body("application/json", json!({ "member": member(1), "from_class": 1, "to_class": 2, "points": "50" })),
        step("quoteExchange", "insufficient", "More than the member has")
            .body(
                "application/json",
                json!({ "member": member(1), "from_class": 1, "to_class": 2, "points": "500000" }),
            )
            .answered(422),
        step("getProblem", "one", "What a problem means").with("code", "insufficient_points"),
    ]
}

fn chain() -> Vec<Step> {
    let first = |operation: &str, name: &str, summary: &str| step(operation, name, summary).with("height", 1);
    vec![
        step("getStatus", "now", "How the node stands"),
        step("getGenesis", "genesis", "The founding agreement"),
        step("listValidators", "all", "Who validates"),
        first("getBlock", "first", "The first block"),
        step("getBlock", "ahead", "A block that there is not yet").with("height", 99_999_999).answered(404),
        first("getBlockBytes", "first", "The first block's bytes (in hexadecimal here)"),
        first("getBlockCertificate", "first", "What commits the first block"),
        step("exportArchive", "first", "The chain up to the first block (in hexadecimal here)").with("to_height", 1),
        step("streamEvents", "from_the_start", "Everything from the first block on").with("from_height", 1),
        step("streamEvents", "resumed", "On after the last event that was received; of one member's purchases only")
            .with("Last-Event-ID", "1-0")
            .with("merchant", SHOP)
            .with("store_id", 7)
            .with("kind", "issue")
            .with("member", member(1)),
        step("streamEvents", "ahead", "A node that lags behind another")
            .with("Last-Event-ID", "99999999-0")
            .answered(409),
        step("getMetrics", "now", "Numbers for Prometheus"),
    ]
}
