// Watches a quote, buys at the market, follows the order to its end: `build/first_order [PORT_BASE]`.
#include <chrono>
#include <cstdlib>
#include <iostream>

#include "twsmq.hpp"

int main(int argc, char** argv) {
  using std::chrono::seconds;
  const std::string instrument = "STK:AAPL:SMART:USD";
  twsmq::Client client(twsmq::Cluster::local(argc > 1 ? std::atoi(argv[1]) : 5500));
  client.subscribe("quote/" + instrument + "/");  // this is what starts the line
  client.subscribe("order/cpp/");

  for (;;) {
    const auto event = client.next(seconds(30));
    if (!event) {
      std::cerr << "nothing came for 30 s; is the cluster up? (twsmq status)\n";
      return 1;
    }
    const auto quote = event->as<twsmq::Quote>();
    if (quote && quote->ask) {
      std::cout << "ask " << *quote->ask << "\n";
      break;
    }
  }

  twsmq::PlaceOrder order;
  order.strategy = "cpp";
  order.client_order_id = std::to_string(std::chrono::system_clock::now().time_since_epoch().count());
  order.instrument = instrument;
  order.side = "BUY";
  order.quantity = 10;
  order.order_type = "MKT";
  auto accepted = client.place(order);
  while (accepted.error.kind == twsmq::Error::Kind::outcome_unknown || accepted.error.code == "not_ready") {
    accepted = client.place(order);  // the same order is never placed twice
  }
  if (!accepted) {
    std::cerr << accepted.error.code << ": " << accepted.error.message << "\n";
    return 1;
  }
  const auto end = client.done(order.strategy, order.client_order_id, seconds(60), [](const twsmq::Event& event) {
    if (const auto fill = event.as<twsmq::Fill>()) std::cout << "filled " << fill->quantity << " at " << fill->price << "\n";
  });
  std::cout << (end ? end->status : std::string("not known yet")) << "\n";
  return end && end->status == "filled" ? 0 : 1;
}
