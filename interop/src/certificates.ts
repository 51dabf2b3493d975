// The X.509 library injects its algorithms with decorators, which need this first.
import "reflect-metadata";
import {
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type JsonGeneralName,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";

/** A certificate and its private key, PEM. */
export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
}

/** What a certificate says. Without any name it has no subjectAltName at all. */
export interface TestCertificateOptions {
  readonly dns?: readonly string[];
  readonly uri?: readonly string[];
  readonly ip?: readonly string[];
  readonly commonName?: string;
  /** Defaults to a minute ago. */
  readonly notBefore?: Date;
  /** Defaults to an hour from now. */
  readonly notAfter?: Date;
}

/** A certification authority for tests; it lives in memory and nobody else trusts it. */
export interface TestCa {
  /** Its own certificate, PEM. */
  readonly ca: string;
  /** Makes a certificate for a server, a client or both. */
  issue(options: TestCertificateOptions): Promise<TestCertificate>;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Makes a certification authority with an ECDSA P-256 key. */
export async function createTestCa(commonName = "meshwright test ca"): Promise<TestCa> {
  cryptoProvider.set(crypto);
  const caKeys = await generateKeys();
  const ca = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${commonName}`,
    ...validity({}),
    keys: caKeys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
    ],
  });
  return {
    ca: ca.toString("pem"),
    async issue(options) {
      const keys = await generateKeys();
      const certificate = await X509CertificateGenerator.create({
        subject: options.commonName === undefined ? "" : `CN=${options.commonName}`,
        issuer: ca.subject,
        ...validity(options),
        publicKey: keys.publicKey,
        signingKey: caKeys.privateKey,
        signingAlgorithm: ALGORITHM,
        extensions: [
          new BasicConstraintsExtension(false, undefined, true),
          new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
          new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
          ...alternativeNames(options),
        ],
      });
      return { cert: certificate.toString("pem"), key: await pemOfKey(keys.privateKey) };
    },
  };
}

function generateKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

function validity({ notBefore, notAfter }: TestCertificateOptions): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  return { notBefore: notBefore ?? new Date(now - MINUTE_MS), notAfter: notAfter ?? new Date(now + HOUR_MS) };
}

function alternativeNames({ dns = [], uri = [], ip = [], commonName }: TestCertificateOptions): Extension[] {
  const names: JsonGeneralName[] = [
    ...dns.map((value) => ({ type: "dns", value }) as const),
    ...uri.map((value) => ({ type: "url", value }) as const),
    ...ip.map((value) => ({ type: "ip", value }) as const),
  ];
  // Critical when there is no subject, RFC 5280 section 4.2.1.6.
  return names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names, commonName === undefined)];
}

async function pemOfKey(key: CryptoKey): Promise<string> {
  const bytes = Buffer.from(await crypto.subtle.exportKey("pkcs8", key)).toString("base64");
  return `-----BEGIN PRIVATE KEY-----\n${bytes.replace(/.{64}(?=.)/g, "$&\n")}\n-----END PRIVATE KEY-----\n`;
}
