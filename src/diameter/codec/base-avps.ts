import { GROUPED } from './avp.ts';
import { base, grouped, many, one, optional } from './rules.ts';
import { ADDRESS, enumerated, IDENTITY_TYPE, OCTETS, UNSIGNED32, UTF8 } from './value-types.ts';

/** AVPs of the base protocol (RFC 6733 4.5). */
export const USER_NAME = base(1, 'User-Name', UTF8);
export const PROXY_STATE = base(33, 'Proxy-State', OCTETS);
export const HOST_IP_ADDRESS = base(257, 'Host-IP-Address', ADDRESS);
export const AUTH_APPLICATION_ID = base(258, 'Auth-Application-Id', UNSIGNED32);
export const ACCT_APPLICATION_ID = base(259, 'Acct-Application-Id', UNSIGNED32);
export const SESSION_ID = base(263, 'Session-Id', UTF8);
export const ORIGIN_HOST = base(264, 'Origin-Host', IDENTITY_TYPE);
export const SUPPORTED_VENDOR_ID = base(265, 'Supported-Vendor-Id', UNSIGNED32);
export const VENDOR_ID = base(266, 'Vendor-Id', UNSIGNED32);
export const FIRMWARE_REVISION = base(267, 'Firmware-Revision', UNSIGNED32, false);
export const RESULT_CODE = base(268, 'Result-Code', UNSIGNED32);
export const PRODUCT_NAME = base(269, 'Product-Name', UTF8, false);
/** REBOOTING, BUSY, DO_NOT_WANT_TO_TALK_TO_YOU. */
export const DISCONNECT_CAUSE = base(273, 'Disconnect-Cause', enumerated(0, 1, 2));
/** STATE_MAINTAINED, NO_STATE_MAINTAINED. */
export const AUTH_SESSION_STATE = base(277, 'Auth-Session-State', enumerated(0, 1));
export const ORIGIN_STATE_ID = base(278, 'Origin-State-Id', UNSIGNED32);
/** Members are what another message failed by, so nothing about them is checked. */
export const FAILED_AVP = base(279, 'Failed-AVP', OCTETS);
export const PROXY_HOST = base(280, 'Proxy-Host', IDENTITY_TYPE);
export const ERROR_MESSAGE = base(281, 'Error-Message', UTF8, false);
export const ROUTE_RECORD = base(282, 'Route-Record', IDENTITY_TYPE);
export const DESTINATION_REALM = base(283, 'Destination-Realm', IDENTITY_TYPE);
export const REDIRECT_HOST = base(292, 'Redirect-Host', UTF8);
export const REDIRECT_HOST_USAGE = base(261, 'Redirect-Host-Usage', enumerated(0, 1, 2, 3, 4, 5, 6));
export const REDIRECT_MAX_CACHE_TIME = base(262, 'Redirect-Max-Cache-Time', UNSIGNED32);
export const DESTINATION_HOST = base(293, 'Destination-Host', IDENTITY_TYPE);
export const ERROR_REPORTING_HOST = base(294, 'Error-Reporting-Host', IDENTITY_TYPE, false);
export const ORIGIN_REALM = base(296, 'Origin-Realm', IDENTITY_TYPE);
export const EXPERIMENTAL_RESULT_CODE = base(298, 'Experimental-Result-Code', UNSIGNED32);
export const INBAND_SECURITY_ID = base(299, 'Inband-Security-Id', UNSIGNED32);

/** Exactly one of the two application ids; which one is checked where it is read (RFC 6733 6.11). */
export const VENDOR_SPECIFIC_APPLICATION_ID = grouped(base(260, 'Vendor-Specific-Application-Id', GROUPED), [
  one(VENDOR_ID),
  optional(AUTH_APPLICATION_ID),
  optional(ACCT_APPLICATION_ID),
]);
export const PROXY_INFO = grouped(base(284, 'Proxy-Info', GROUPED), [one(PROXY_HOST), one(PROXY_STATE)]);
export const EXPERIMENTAL_RESULT = grouped(base(297, 'Experimental-Result', GROUPED), [
  one(VENDOR_ID),
  one(EXPERIMENTAL_RESULT_CODE),
]);

/** What agents may add to any message. */
export const AGENT_RULES = [many(PROXY_INFO), many(ROUTE_RECORD)] as const;
