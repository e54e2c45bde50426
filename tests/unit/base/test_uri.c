/* SPDX-License-Identifier: MIT
 * Tests of URIs: parts, encoding, hosts that are refused, RFC 3986 5.4's reference resolution, what logs may show.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/str.h"
#include "base/uri.h"

static int parse(const char *text, struct uri *u)
{
	struct fail f = {0};
	int err;

	memset(u, 0, sizeof(*u));
	err = uri_parse(text, strlen(text), u, &f);
	assert_true(err == 0 || (err == ERR_BAD_URI && f.code == err && f.text[0] != '\0' && u->scheme == NULL));
	return err;
}

static void parts(void **state)
{
	struct uri u;

	(void)state;
	assert_int_equal(parse("HTTP://us%40er:p%3Aw:x@WWW.Example.ORG:8080/a/b%20c;d?q=1&r#frag", &u), 0);
	assert_string_equal(u.scheme, "http");
	assert_string_equal(u.user, "us@er");
	assert_string_equal(u.passwd, "p:w:x");
	assert_string_equal(u.host, "www.example.org");
	assert_false(u.ipv6);
	assert_int_equal(u.port, 8080);
	assert_string_equal(u.path, "/a/b%20c;d");
	assert_string_equal(u.query, "q=1&r");
	assert_string_equal(u.fragment, "frag");
	uri_free(&u);
	assert_null(u.path);
	assert_int_equal(parse("https://h", &u), 0);
	assert_null(u.user);
	assert_null(u.passwd);
	assert_int_equal(u.port, 443);
	assert_string_equal(u.path, "/");
	assert_null(u.query);
	assert_null(u.fragment);
	uri_free(&u);
	assert_int_equal(parse("gopher://h:/x", &u), 0);
	assert_int_equal(u.port, 0);
	uri_free(&u);
	assert_int_equal(parse("ftp://h?#", &u), 0);
	assert_int_equal(u.port, 21);
	assert_string_equal(u.query, "");
	assert_string_equal(u.fragment, "");
	uri_free(&u);
	assert_int_equal(parse("http://:@h/", &u), 0);
	assert_string_equal(u.user, "");
	assert_string_equal(u.passwd, "");
	uri_free(&u);
	assert_int_equal(parse("http://u@x:p@h/", &u), 0);
	assert_string_equal(u.user, "u@x");
	assert_string_equal(u.passwd, "p");
	assert_string_equal(u.host, "h");
	uri_free(&u);
}

static void host_is(const char *text, const char *host, bool ipv6)
{
	struct uri u;

	assert_int_equal(parse(text, &u), 0);
	assert_string_equal(u.host, host);
	assert_int_equal(u.ipv6, ipv6);
	uri_free(&u);
}

static void hosts(void **state)
{
	(void)state;
	host_is("http://[2001:DB8::0:1]:81/", "2001:db8::1", true);
	host_is("http://[::ffff:127.0.0.1]/", "::ffff:127.0.0.1", true);
	host_is("http://u@[::1]", "::1", true);
	host_is("http://127.0.0.1:9/", "127.0.0.1", false);
	host_is("http://example.org./", "example.org.", false);
	host_is("http://r3---sn.a_b.example/", "r3---sn.a_b.example", false);
	host_is("http://b\xc3\xbc"
		"cher.example/",
		"xn--bcher-kva.example", false);
	host_is("http://B\xc3\x9c"
		"CHER.example/",
		"xn--bcher-kva.example", false);
	host_is("http://fa\xc3\x9f.de/", "xn--fa-hia.de", false); /* non-transitional: the sharp s stays one */
	host_is("http://\xe4\xbe\x8b\xe3\x80\x82jp/", "xn--fsq.jp", false);
	host_is("http://XN--FSQ.jp/", "xn--fsq.jp", false);
	host_is("http://1.2.3.example/", "1.2.3.example", false);
	host_is("http://0xcafe.example/", "0xcafe.example", false);
}

static void refused(void **state)
{
	static const char *const bad[] = {"", "x", "/local/path", "http:", "http:/x", "http:x", "http//h/", "http://",
		"http:///x", "http://?q", "http://u:p@/", "file:///etc/passwd", "FILE:///x", "file://h/x",
		"magnet:?xt=urn", "data:,x", "javascript://", "://h/", "1http://h/", "ht tp://h/", " http://h/",
		"http://h:0/", "http://h:65536/", "http://h:-1/", "http://h:8x/", "http://h:80:80/", "http://a b/",
		"http://a%20b/", "http://%31/", "http://a\\b/", "http://a..b/", "http://.a/", "http://a.../",
		"http://.", "http://[::1", "http://[::1]x/", "http://[]/", "http://[1.2.3.4]/",
		"http://[fe80::1%25eth0]/", "http://[::g]/", "http://::1/", "http://127.1/", "http://2130706433/",
		"http://0x7f000001/", "http://0x7f.1/", "http://0177.0.0.1/", "http://127.0.0.1./", "http://256.1.1.1/",
		"http://a.1/", "http://1.2.3.4.5/", "http://h\t/", "http://h\n/", "http://\xff\xfe/",
		"http://\xc3\x28/", "http://a<b/", "http://a'b/", "http://a*b/", "http://u%0d%0a@h/",
		"http://u:p%00@h/", "http://u:p%0A@h/", "http://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.1/"};
	char label[80], text[20000];
	struct uri u;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (parse(bad[i], &u) == 0)
			fail_msg("taken: %s", bad[i]);
	memset(label, 'a', 64);
	label[64] = '\0';
	snprintf(text, sizeof(text), "http://%s.org/", label);
	assert_int_equal(parse(text, &u), ERR_BAD_URI);
	snprintf(text, sizeof(text), "http://%s.org/", label + 1);
	assert_int_equal(parse(text, &u), 0);
	uri_free(&u);
	snprintf(text, sizeof(text), "http://%s.%s.%s.%s/", label + 1, label + 1, label + 1, label + 1);
	assert_int_equal(parse(text, &u), ERR_BAD_URI);
	assert_int_equal(uri_parse("http://h\0x/", 11, &u, NULL), ERR_BAD_URI);
}

static void lengths(void **state)
{
	char *text = malloc(URI_MAX + 2);
	struct uri u;

	(void)state;
	memset(text, 'a', URI_MAX + 1);
	memcpy(text, "http://h/", 9);
	text[URI_MAX + 1] = '\0';
	assert_int_equal(parse(text, &u), ERR_BAD_URI);
	text[URI_MAX] = '\0';
	assert_int_equal(parse(text, &u), 0);
	uri_free(&u);
	memset(text + 9, ' ', URI_MAX - 9); /* three times as long when encoded */
	assert_int_equal(parse(text, &u), ERR_BAD_URI);
	assert_null(uri_normalise(text));
	free(text);
}

static void normal_is(const char *text, const char *want)
{
	char *got = uri_normalise(text), *again;

	assert_non_null(got);
	assert_string_equal(got, want);
	again = uri_normalise(got);
	assert_string_equal(again, want);
	free(again);
	free(got);
}

static void normal_form(void **state)
{
	(void)state;
	normal_is("http://h:8/bin/10/a b\xc3\xa9.bin?x=[1]", "http://h:8/bin/10/a%20b%C3%A9.bin?x=[1]");
	normal_is("http://h/\"<>\\^`{|}", "http://h/%22%3C%3E%5C%5E%60%7B%7C%7D");
	normal_is("http://h/-._~:/?#[]@!$&'()*+,;=%41", "http://h/-._~:/?#[]@!$&'()*+,;=%41");
	normal_is("HTTP://Us er:p@H.org:80/../x#fr ag", "HTTP://Us%20er:p@H.org:80/../x#fr%20ag");
	normal_is("http://u@b\xc3\xbc"
		  "cher.de:81/\xc3\xbc",
		"http://u@xn--bcher-kva.de:81/%C3%BC");
	normal_is("http://h/\x01\x7f\xff", "http://h/%01%7F%FF");
	normal_is("http://[::1]:81/100%", "http://[::1]:81/100%");
	normal_is("gopher://h", "gopher://h");
	assert_null(uri_normalise("file:///x"));
	assert_null(uri_normalise("/x"));
	assert_null(uri_normalise(""));
}

static void resolves_to(const char *base, const char *ref, const char *want)
{
	struct uri b, u;
	char *text;

	assert_int_equal(parse(base, &b), 0);
	assert_int_equal(uri_resolve(&b, ref, strlen(ref), &u, NULL), 0);
	text = uri_text(&u);
	assert_string_equal(text, want);
	free(text);
	uri_free(&u);
	uri_free(&b);
}

/* RFC 3986 5.4.1 and 5.4.2, but for "g:h" (no authority), on its base. */
static void rfc_examples(void **state)
{
	static const char *const rows[][2] = {{"g", "/b/c/g"}, {"./g", "/b/c/g"}, {"g/", "/b/c/g/"}, {"/g", "/g"},
		{"?y", "/b/c/d;p?y"}, {"g?y", "/b/c/g?y"}, {"#s", "/b/c/d;p?q"}, {"g#s", "/b/c/g"},
		{"g?y#s", "/b/c/g?y"}, {";x", "/b/c/;x"}, {"g;x", "/b/c/g;x"}, {"g;x?y#s", "/b/c/g;x?y"},
		{"", "/b/c/d;p?q"}, {".", "/b/c/"}, {"./", "/b/c/"}, {"..", "/b/"}, {"../", "/b/"}, {"../g", "/b/g"},
		{"../..", "/"}, {"../../", "/"}, {"../../g", "/g"}, {"../../../g", "/g"}, {"../../../../g", "/g"},
		{"/./g", "/g"}, {"/../g", "/g"}, {"g.", "/b/c/g."}, {".g", "/b/c/.g"}, {"g..", "/b/c/g.."},
		{"..g", "/b/c/..g"}, {"./../g", "/b/g"}, {"./g/.", "/b/c/g/"}, {"g/./h", "/b/c/g/h"},
		{"g/../h", "/b/c/h"}, {"g;x=1/./y", "/b/c/g;x=1/y"}, {"g;x=1/../y", "/b/c/y"},
		{"g?y/./x", "/b/c/g?y/./x"}, {"g?y/../x", "/b/c/g?y/../x"}, {"g#s/../x", "/b/c/g"}};
	char want[100];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(want, sizeof(want), "http://a%s", rows[i][1]);
		resolves_to("http://a/b/c/d;p?q", rows[i][0], want);
	}
	resolves_to("http://a/b/c/d;p?q", "//g", "http://g/");
}

static void redirects(void **state)
{
	struct uri b, u;

	(void)state;
	resolves_to("http://h:8/a/b", "//x:9/y", "http://x:9/y");
	resolves_to("https://h/a", "//x:443/y", "https://x/y");
	resolves_to("http://h/a", "HTTPS://User:pw@X/../y?z#f", "https://x/y?z");
	resolves_to("http://h", "x", "http://h/x");
	resolves_to("http://h/a?x", "", "http://h/a?x");
	resolves_to("http://h/a/", "b c\r\nX: y\t\xc3\xa9", "http://h/a/b%20c%0D%0AX:%20y%09%C3%A9");
	resolves_to("http://h/a/b", "%2e%2E/.%2e/c", "http://h/c");
	resolves_to("http://h/a", "/..//x", "http://h//x");
	resolves_to("http://[::1]:8/a", "b", "http://[::1]:8/b");
	resolves_to("http://h/a", "b/http://x/", "http://h/b/http://x/");
	assert_int_equal(parse("http://us:pw@h/a", &b), 0);
	assert_int_equal(uri_resolve(&b, "b#f", 3, &u, NULL), 0);
	assert_string_equal(u.user, "us");
	assert_string_equal(u.passwd, "pw");
	assert_string_equal(u.fragment, "f");
	uri_free(&u);
	assert_int_equal(uri_resolve(&b, "//x/", 4, &u, NULL), 0);
	assert_null(u.user);
	uri_free(&u);
	uri_free(&b);
}

static void bad_redirects(void **state)
{
	static const char *const bad[] = {"file:///etc/passwd", "data:,x", "javascript:alert(1)", "http:", "http:/x",
		"http://", "//", "///x", "//a b/", "http://127.1/", "mailto:a@b"};
	char *text = malloc(URI_MAX + 1);
	struct uri b, u;
	struct fail f;
	size_t i;

	(void)state;
	assert_int_equal(parse("http://h/a/b", &b), 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(uri_resolve(&b, bad[i], strlen(bad[i]), &u, &f), ERR_BAD_URI);
	assert_int_equal(uri_resolve(&b, "//x\0y/", 6, &u, &f), ERR_BAD_URI);
	memset(text, 'a', URI_MAX + 1);
	assert_int_equal(uri_resolve(&b, text, URI_MAX, &u, &f), ERR_BAD_URI);
	assert_int_equal(uri_resolve(&b, text, URI_MAX + 1, &u, &f), ERR_BAD_URI);
	assert_int_equal(uri_resolve(&b, text, URI_MAX - 10, &u, &f), 0);
	uri_free(&u);
	uri_free(&b);
	free(text);
}

static void text_is(char *got, const char *want)
{
	assert_string_equal(got, want);
	free(got);
}

static void texts(void **state)
{
	struct uri u;

	(void)state;
	assert_int_equal(parse("http://us:pw@[2001:DB8::1]:81/a b?c d#e", &u), 0);
	text_is(uri_text(&u), "http://[2001:db8::1]:81/a%20b?c%20d");
	text_is(uri_target(&u), "/a%20b?c%20d");
	text_is(uri_hostport(&u), "[2001:db8::1]:81");
	uri_free(&u);
	assert_int_equal(parse("https://h:443?", &u), 0);
	text_is(uri_text(&u), "https://h/?");
	text_is(uri_target(&u), "/?");
	text_is(uri_hostport(&u), "h");
	uri_free(&u);
	assert_int_equal(parse("https://h:80", &u), 0);
	text_is(uri_hostport(&u), "h:80");
	uri_free(&u);
}

static void shown_is(const char *text, const char *want)
{
	char buf[100];

	assert_string_equal(uri_show_short(text, buf, sizeof(buf)), want);
}

static void shown_in_logs(void **state)
{
	char buf[12];

	(void)state;
	shown_is("http://us:pw@h:8/a/b?sig=secret#f", "http://h:8/a/b?...");
	shown_is("http://h/@scope/pkg", "http://h/@scope/pkg");
	shown_is("http://h/a#f?x", "http://h/a");
	shown_is("http://us:p/w@h/x", "h/x");
	shown_is("http://us:p?w@h/x?y", "?...");
	shown_is("http://h:99999/f?sig=x@y&token=SECRET", "?...");
	shown_is("http://h:99999/f#x@y?token=SECRET", "?...");
	shown_is("http://h:99999/f?sig=x", "http://h:99999/f?...");
	shown_is("http:/us:pw@h/x", "h/x");
	shown_is("us:pw@h", "h");
	shown_is("no uri", "no uri");
	shown_is("http://h/\x1b[2J\n", "http://h/\\x1B[2J\\x0A");
	assert_string_equal(uri_show_short("http://host/long", buf, sizeof(buf)), "http://h...");
}

static void without_login(void **state)
{
	static const char *const rows[][2] = {{"HTTP://us:pw@H:80/a b?sig=s#f", "HTTP://H:80/a b?sig=s#f"},
		{"http://h/?a=b@c", "http://h/?a=b@c"}, {"http://us:p/w@h/x?y", "h/x?y"}, {"no uri", "no uri"}};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		text_is(uri_without_login(rows[i][0]), rows[i][1]);
}

static void origins(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} rows[] = {{"http://h/a", "HTTP://H:80/b?c", true}, {"http://h/", "https://h/", false},
		{"http://h/", "http://h:81/", false}, {"http://h/", "http://g/", false},
		{"http://[::1]/", "http://[0:0::1]/", true}, {"https://h:80/", "http://h:80/", false},
		{"http://u:p@h/", "http://h/", true}};
	struct uri a, b;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(parse(rows[i].a, &a), 0);
		assert_int_equal(parse(rows[i].b, &b), 0);
		assert_int_equal(uri_same_origin(&a, &b), rows[i].same);
		uri_free(&a);
		uri_free(&b);
	}
}

/* Random texts made of the bytes that matter: nothing breaks, and what is taken has the promised shape. */
static void random_texts(void **state)
{
	static const char *const bits[] = {"http", "://", ":", "/", "//", "?", "#", "@", "[", "]", "::1", "%", "%2e",
		".", "..", "a", "1", "\xc3\xbc", "\xff", " ", "\n", "65536", "file", "\\", "0x"};
	uint64_t s = 0x1234567u;
	char text[400], *t;
	struct uri base, u;
	int i, n;

	(void)state;
	assert_int_equal(parse("http://h/a/b?c", &base), 0);
	for (i = 0; i < 100000; i++) {
		text[0] = '\0';
		if (i % 2 == 0)
			strcpy(text, "http://");
		for (n = 0; n < 12; n++) {
			s = s * 6364136223846793005u + 1442695040888963407u;
			strcat(text, bits[(s >> 33) % (sizeof(bits) / sizeof(bits[0]))]);
		}
		if (uri_resolve(&base, text, strlen(text), &u, NULL) == 0) {
			t = uri_text(&u);
			assert_int_equal(u.path[0], '/');
			assert_false(str_has_ctl(t, strlen(t)));
			assert_null(strchr(t, ' '));
			assert_null(strstr(u.path, "/../"));
			assert_null(strstr(u.path, "/./"));
			free(t);
			uri_free(&u);
		}
		t = uri_normalise(text);
		if (t != NULL) {
			assert_int_equal(parse(t, &u), 0);
			uri_free(&u);
			free(t);
		}
		uri_show_short(text, text, 0);
	}
	uri_free(&base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts),
		cmocka_unit_test(hosts),
		cmocka_unit_test(refused),
		cmocka_unit_test(lengths),
		cmocka_unit_test(normal_form),
		cmocka_unit_test(rfc_examples),
		cmocka_unit_test(redirects),
		cmocka_unit_test(bad_redirects),
		cmocka_unit_test(texts),
		cmocka_unit_test(shown_in_logs),
		cmocka_unit_test(without_login),
		cmocka_unit_test(origins),
		cmocka_unit_test(random_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
