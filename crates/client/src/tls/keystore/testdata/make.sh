#!/bin/sh
# Makes the stores beside it anew, by the programs that people make theirs with: keytool (JDK 17) and openssl 3.
# The keys in them open nothing.
set -eu
cd "$(dirname "$0")"
rm -f ./*.jks ./*.p12 ./*.jceks
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
pass=changeit
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 36500 -subj /CN=authority \
	-keyout "$work/ca.key" -out "$work/ca.pem" 2>/dev/null
openssl req -newkey rsa:2048 -nodes -subj /CN=client -keyout "$work/client.key" -out "$work/client.csr" 2>/dev/null
openssl x509 -req -in "$work/client.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" -CAcreateserial -days 36500 \
	-out "$work/client.pem" 2>/dev/null
openssl ecparam -name prime256v1 -genkey -noout -out "$work/other.key"
openssl pkcs12 -export -in "$work/client.pem" -inkey "$work/client.key" -certfile "$work/ca.pem" -name client \
	-passout "pass:$pass" -out openssl.p12
openssl pkcs12 -export -legacy -in "$work/client.pem" -inkey "$work/client.key" -certfile "$work/ca.pem" \
	-name client -certpbe PBE-SHA1-RC2-40 -keypbe PBE-SHA1-3DES -macalg sha1 -passout "pass:$pass" -out legacy.p12
openssl pkcs12 -export -nokeys -in "$work/ca.pem" -passout "pass:$pass" -out openssl-trust.p12
for kind in jks pkcs12 jceks; do
	case $kind in pkcs12) ext=p12 ;; *) ext=$kind ;; esac
	keytool -importkeystore -noprompt -srckeystore openssl.p12 -srcstoretype pkcs12 -srcstorepass "$pass" \
		-destkeystore "client.$ext" -deststoretype "$kind" -deststorepass "$pass" 2>/dev/null
done
for kind in jks pkcs12; do
	case $kind in pkcs12) ext=p12 ;; *) ext=$kind ;; esac
	keytool -importcert -noprompt -alias authority -file "$work/ca.pem" -keystore "trust.$ext" -storetype "$kind" \
		-storepass "$pass" 2>/dev/null
done
cp client.jks two-passwords.jks
keytool -keypasswd -alias client -keystore two-passwords.jks -storepass "$pass" -keypass "$pass" -new different \
	2>/dev/null
for kind in jks pkcs12; do
	case $kind in pkcs12) ext=p12 ;; *) ext=$kind ;; esac
	cp "client.$ext" "two-keys.$ext"
	keytool -genkeypair -alias other -keyalg EC -groupname secp256r1 -dname CN=other -keystore "two-keys.$ext" \
		-storetype "$kind" -storepass "$pass" -keypass "$pass" 2>/dev/null
done
cp client.jks both.jks
keytool -importcert -noprompt -alias authority -file "$work/ca.pem" -keystore both.jks -storetype jks \
	-storepass "$pass" 2>/dev/null
