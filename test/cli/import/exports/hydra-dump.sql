--
-- PostgreSQL database dump
--

SET statement_timeout = 0;
SET client_encoding = 'UTF8';

--
-- Data for Name: hydra_client; Type: TABLE DATA; Schema: public; Owner: hydra
--

COPY public.hydra_client (id, client_name, client_secret, scope, owner, policy_uri, tos_uri, client_uri, logo_uri, client_secret_expires_at, sector_identifier_uri, jwks, jwks_uri, token_endpoint_auth_method, request_object_signing_alg, userinfo_signed_response_alg, subject_type, pk_deprecated, created_at, updated_at, frontchannel_logout_uri, frontchannel_logout_session_required, backchannel_logout_uri, backchannel_logout_session_required, metadata, token_endpoint_auth_signing_alg, authorization_code_grant_access_token_lifespan, client_credentials_grant_access_token_lifespan, pk, registration_access_token_signature, nid, redirect_uris, grant_types, response_types, audience, allowed_cors_origins, contacts, request_uris, post_logout_redirect_uris, access_token_strategy, skip_consent) FROM stdin;
nightly-batch	Nightly\tbatch \\ one	$pbkdf2-sha256$i=25000,l=32$AAECAwQFBgcICQoLDA0ODw$QzCSO0+hhnd/T/gEe6TecmbPRAKbZzC0lim+vbQ3zLg	orders.read orders.write						0		{}		client_secret_basic		none	public	1	2024-03-05T10:11:12+00:00	2024-03-05T10:11:12+00:00		f		f	{}		\N	\N	52f38352-7944-4ace-b55c-5aded28f4b01		24704dcb-0ab9-4bfa-a84c-405932ae53fe	[]	["client_credentials"]	["code"]	["https://orders.example"]	[]	[]	[]	[]		f
b2f0c5c8-4f7d-4b52-9a55-1f0d2f7f8a10		$2a$10$YR7jFmbZmuQ2SCX0XGPpFOVrYFB8Tc26QM2uGHFuSOQaH3ixr5.HK	orders.read offline_access						0		{}		client_secret_post		none	public	2	2024-03-05T10:11:12+00:00	2024-03-05T10:11:12+00:00		f		f	{}		\N	3600000000000	52f38352-7944-4ace-b55c-5aded28f4b02		24704dcb-0ab9-4bfa-a84c-405932ae53fe	[]	["client_credentials"]	["code"]	["https://orders.example"]	[]	[]	[]	[]		f
storefront			openid						0		{}		none		none	public	3	2024-03-05T10:11:12+00:00	2024-03-05T10:11:12+00:00		f		f	{}		\N	\N	52f38352-7944-4ace-b55c-5aded28f4b03		24704dcb-0ab9-4bfa-a84c-405932ae53fe	[]	["authorization_code", "refresh_token"]	["code"]	["https://orders.example"]	[]	[]	[]	[]		f
key-holder			orders.read						0		{}		private_key_jwt		none	public	4	2024-03-05T10:11:12+00:00	2024-03-05T10:11:12+00:00		f		f	{}		\N	\N	52f38352-7944-4ace-b55c-5aded28f4b04		24704dcb-0ab9-4bfa-a84c-405932ae53fe	[]	["client_credentials"]	["code"]	["https://orders.example"]	[]	[]	[]	[]		f
\.


--
-- PostgreSQL database dump complete
--

