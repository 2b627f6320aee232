"""The server versions at which a layout changes, 157 to 200 (IBKR's `server_versions` list, their numbers).

A constant is the first version that has the feature. Clients below `MIN_VERSION` are refused; the simulator
advertises `MAX_VERSION`, the last one that is text throughout (201 starts the change to protobuf).
"""

from typing import Final

MIN_VERSION: Final = 157
MAX_VERSION: Final = 200

DURATION: Final = 158
MARKET_DATA_IN_SHARES: Final = 159
POST_TO_ATS: Final = 160
AUTO_CANCEL_PARENT: Final = 162
FRACTIONAL_SIZES: Final = 163
SIZE_RULES: Final = 164
ADVANCED_ORDER_REJECT: Final = 166
MANUAL_ORDER_TIME: Final = 169
PEG_OFFSETS: Final = 170
WSH_EVENT_FILTERS: Final = 171
REPLACE_FA_END: Final = 157
WSH_EVENT_DATES: Final = 173
INSTRUMENT_TIMEZONE: Final = 174
HISTORICAL_VOLUME_IN_SHARES: Final = 175
BOND_ISSUER_ID: Final = 176
NO_FA_PROFILE: Final = 177
PENDING_PRICE_REVISION: Final = 178
FUND_DATA: Final = 179
EXERCISE_ORDER_TIME: Final = 180
LAST_TRADE_DATE: Final = 182
CUSTOMER_ACCOUNT: Final = 183
PROFESSIONAL_CUSTOMER: Final = 184
BOND_ACCRUED_INTEREST: Final = 185
INELIGIBILITY_REASONS: Final = 186
RFQ: Final = 187
BOND_TRADING_HOURS: Final = 188
INCLUDE_OVERNIGHT: Final = 189
NO_RFQ: Final = 190
CME_TAGGING: Final = 192
CME_TAGGING_IN_OPEN_ORDER: Final = 193
ERROR_TIME: Final = 194
FULL_ORDER_PREVIEW: Final = 195
HISTORICAL_DATA_END: Final = 196
SUBMITTER: Final = 198
IMBALANCE_ONLY: Final = 199
EXECUTION_DAYS: Final = 200
